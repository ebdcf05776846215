"""The protocol of the guest's agent, from the host's end of the port."""

import base64
import socket

import pytest

from bootvm.agent import PROGRAM, UNIT, Agent, Result, Start, credentials, parse, with_agent
from bootvm.errors import AgentError
from bootvm.spec import VmSpec


def coded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


@pytest.mark.parametrize(
    ("line", "number", "result"),
    [
        (f"done 7 0 {coded('out')} {coded('err')}", 7, Result(0, "out", "err")),
        ("done 8 124  ", 8, Result(124, "", "")),
    ],
)
def test_parse(line: str, number: int, result: Result) -> None:
    assert parse(line) == ("done", number, result)


@pytest.mark.parametrize(
    "line", ["", "ready x", "done", "done 1 0 x", "done x 0 YQ== YQ==", "done 1 0 ! YQ==", "login:"]
)
def test_parse_refuses_noise(line: str) -> None:
    with pytest.raises(ValueError):
        parse(line)


@pytest.mark.parametrize("start", list(Start))
def test_credentials_bring_unit_program_and_pull(start: Start) -> None:
    given = dict(credentials(start))
    unit = given[f"systemd.extra-unit.{UNIT}"].decode()
    assert f"LoadCredential={PROGRAM}\n" in unit
    assert "ConditionPathExists=!/etc/initrd-release\n" in unit
    assert (f"After={start.value}\n" in unit) == (start is Start.BOOTED)
    assert given[f"systemd.unit-dropin.{start.value}"] == f"[Unit]\nWants={UNIT}\n".encode()
    assert given[PROGRAM].startswith(b"#!/bin/sh")
    assert with_agent(VmSpec(), start).credentials == credentials(start)


def agent_with(stream_says: bytes) -> tuple[Agent, socket.socket]:
    theirs, ours = socket.socketpair()
    theirs.sendall(stream_says)
    return Agent(ours, lambda: "the machine ended (test)"), theirs


def test_ready_carries_the_boot() -> None:
    agent, theirs = agent_with(b"noise\nready 1234\n")
    agent.wait_ready(5)
    assert agent.boot_id == "1234"
    theirs.close()
    agent.close()


def test_late_answers_of_earlier_commands_are_passed_over() -> None:
    agent, theirs = agent_with(b"")
    number = agent._number + 1
    answer = f"done {number - 1} 9 {coded('old')} \ndone {number} 0 {coded('new')} \n"
    theirs.sendall(answer.encode())
    assert agent.run("x", 1) == Result(0, "new", "")
    theirs.close()
    agent.close()


def test_restart_of_the_guest_is_an_error() -> None:
    agent, theirs = agent_with(b"ready again\n")
    with pytest.raises(AgentError, match="agent: reboot: the guest started anew"):
        agent.run("reboot", 1)
    theirs.close()
    agent.close()


def test_end_of_the_machine_is_an_error() -> None:
    agent, theirs = agent_with(b"")
    theirs.shutdown(socket.SHUT_WR)
    with pytest.raises(AgentError, match=r"agent: start: the machine ended \(test\)"):
        agent.wait_ready(30)
    with pytest.raises(AgentError, match="the machine ended"):
        agent.wait_ready(30)
    theirs.close()
    agent.close()


def test_silence_has_a_deadline() -> None:
    agent, theirs = agent_with(b"")
    with pytest.raises(AgentError, match=r"agent: start: no answer in 0.1 s"):
        agent.wait_ready(0.1)
    theirs.close()
    agent.close()
