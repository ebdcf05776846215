"""When a machine's socket may be connected to."""

import socket
from pathlib import Path

from bootvm.vm import listens


def test_a_socket_listens_later_than_it_is_there(tmp_path: Path) -> None:
    path = tmp_path / "monitor"
    assert not listens(path)
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as server:
        server.bind(str(path))
        assert path.exists()
        assert not listens(path)
        server.listen()
        assert listens(path)
        assert not listens(tmp_path / "other")
    assert not listens(path)
