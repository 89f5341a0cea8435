import os
import time

number = 0
while True:
    number += 1
    for folder in ("/hog", "/tmp/hog", "/run/mlreef/hog"):
        os.makedirs(folder, exist_ok=True)
        with open(f"{folder}/{number}", "wb") as file:
            file.write(bytes(1 << 20))
    time.sleep(0.01)
