"""``python -m devices.simulator CONFIG``: see `devices.simulator.run` for what the file holds."""

from __future__ import annotations

import argparse
import signal
import sys
import threading
from pathlib import Path

from devices.errors import DeviceError
from devices.simulator import run as simulator


def main(arguments: list[str] | None = None) -> int:
    """Simulate devices until SIGTERM or SIGINT; 0 after a clean end, 2 where the configuration is bad."""
    options = _parser().parse_args(arguments)
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    try:
        config = simulator.read_config(sys.stdin.buffer if options.config == "-" else Path(options.config))
        simulator.run(config, stop, history_days=options.history_days, speed=options.speed)
    except DeviceError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m devices.simulator",
        description="Virtual devices that publish over real MQTT.",
        epilog=simulator.__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "config", help="JSON file, or - for standard input (so that no password is on a disk)"
    )
    parser.add_argument("--history-days", type=float, default=0.0, help="days before now that are sent first")
    parser.add_argument("--speed", type=float, default=1.0, help="simulated seconds per second")
    return parser


if __name__ == "__main__":
    sys.exit(main())
