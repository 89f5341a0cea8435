import argparse


def data_processor(*_, **__):
    return lambda function: function


parameter = data_processor


@data_processor(name="Sort Wine", type="ALGORITHM", visibility="EVERYONE")
@parameter(name="input-path", type="STRING", required=True)
@parameter(name="trees", type="INTEGR", required=False, defaultValue=100)
@parameter(name="share", type="FLOAT", required=False, defaultValue=0.5)
def parse_arguments():
    parser = argparse.ArgumentParser(description="Sort wines by their taste")
    parser.add_argument("--input-path", required=True)
    parser.add_argument("--trees", type=int, default=100)
    parser.add_argument("--share", type=float, default=0.25)
    return parser.parse_args()


if __name__ == "__main__":
    print(parse_arguments())
