"""Tells the address of a page, and opens it."""

import sys
import threading
import webbrowser


def show_address(address: str, *, browser: bool) -> None:
    """Prints the address, and opens the browser with it in a thread of its own: some browsers take long."""
    print(f"octcluster explore: {address}\nEnd it with Ctrl-C.", flush=True)
    if browser:
        threading.Thread(target=webbrowser.open, args=(address,), daemon=True).start()


def show_error(text: str) -> None:
    """Prints what went wrong for a page that may not be told."""
    print(f"octcluster: {text}", file=sys.stderr, flush=True)
