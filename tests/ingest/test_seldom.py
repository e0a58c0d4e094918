"""A million bad messages are a few lines in the log, and a number."""

from __future__ import annotations

import logging

from ingest.seldom import AT_MOST, EVERY_S, Seldom


def test_many_lines_of_one_kind_become_a_few(caplog, monkeypatch):
    now_s = 100.0
    monkeypatch.setattr("ingest.seldom.time.monotonic", lambda: now_s)
    log = logging.getLogger("chiiki.test")
    seldom = Seldom()
    log.addFilter(seldom)
    for number in range(1000):
        log.warning("bad: %d", number)
    log.warning("another: %d", 1)
    assert len(caplog.records) == AT_MOST + 1
    now_s += EVERY_S
    log.warning("bad: %d", 7)
    assert caplog.messages[-1] == f"bad: 7 ({1000 - AT_MOST} more such lines were left out)"
    log.removeFilter(seldom)


def test_the_loggers_of_the_line_have_it():
    for name in ("ingest.examine", "ingest.intake", "ingest.write", "store.batches"):
        assert any(isinstance(item, Seldom) for item in logging.getLogger(name).filters)
