"""A cluster on this machine for people: `PYTHONPATH=tests python -m support.cluster up`, and `down`."""

import argparse
import sys

from support.cluster.full import EVERY_IMAGE, WITHOUT_TRAINING, NoCluster, full_cluster
from support.cluster.processes import NotReady
from support.go_tools import CannotBuild


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m support.cluster", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    up = commands.add_parser("up", help="start it, or what of it does not run; minutes the first time")
    up.add_argument("--without-training", action="store_true", help="leave out the image with PyTorch, some 6 GB")
    commands.add_parser("prepare", help="build its programs and images; start nothing")
    commands.add_parser("down", help="stop it, and forget what it held; images and programs are kept")
    arguments = parser.parse_args()
    try:
        found = full_cluster()
        if arguments.command == "down":
            found.down()
        elif arguments.command == "prepare":
            found.prepare()
        else:
            cluster = found.up(WITHOUT_TRAINING if arguments.without_training else EVERY_IMAGE)
            print(f"export KUBECONFIG={cluster.kubeconfig}")
    except (CannotBuild, NoCluster, NotReady) as reason:
        sys.exit(str(reason))


if __name__ == "__main__":
    main()
