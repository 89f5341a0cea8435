"""A small network that learns the iris table."""

import argparse
import json
from pathlib import Path

import numpy as np
import torch
from torch import nn

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Train a network on the iris table")
    parser.add_argument("--input-path", required=True)
    parser.add_argument("--output-path", required=True)
    parser.add_argument("--steps", type=int, default=300)
    args = parser.parse_args()
    torch.manual_seed(0)
    table = np.loadtxt(Path(args.input_path) / "iris" / "iris.csv", delimiter=",", skiprows=1)
    values = torch.from_numpy(table[:, :4]).float()
    classes = torch.from_numpy(table[:, 4]).long()
    held_out = torch.arange(len(values)) % 3 == 0
    network = nn.Sequential(nn.Linear(4, 16), nn.Tanh(), nn.Linear(16, 3))
    optimizer = torch.optim.Adam(network.parameters(), lr=0.02)
    losses = []
    for _ in range(args.steps):
        loss = nn.functional.cross_entropy(network(values[~held_out]), classes[~held_out])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    torch.save(network.state_dict(), Path(args.output_path) / "network.pt")
    right = network(values[held_out]).argmax(dim=1) == classes[held_out]
    results = {
        "first loss": losses[0],
        "last loss": losses[-1],
        "accuracy": right.float().mean().item(),
        "gpu": torch.cuda.is_available(),
    }
    (Path(args.output_path) / "results.json").write_text(json.dumps(results, default=float))
