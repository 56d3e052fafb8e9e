"""Start the parts, keep them alive, stop them in order; one process without threads and without Django."""

import os
import selectors
import signal
import socket
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from freelance_ml.up import embedded_redis
from freelance_ml.up.instance import private_folder, write_state
from freelance_ml.up.plan import Plan
from freelance_ml.up.running import RunningPart

TICK = 0.1  # seconds, while something is about to become ready
IDLE_TICK = 1.0  # seconds
LONG_ENOUGH = 30.0  # seconds; then the parts that wait for the first answer start all the same
SLOW_START = 60.0  # seconds after which a silent web server is worth a word
STOPPING = {signal.SIGINT, signal.SIGTERM, signal.SIGHUP}

Say = Callable[[str], None]


class Supervisor:
    """Runs a plan until it is told to stop or a part is hopeless."""

    def __init__(self, plan: Plan, *, say: Say) -> None:
        self.plan = plan
        self.say = say
        self.selector = selectors.DefaultSelector()
        self.stop_signals = 0
        environment = {**os.environ, **plan.environment}
        logs = private_folder(Path(plan.log_folder))
        self.parts = [RunningPart(part, log_folder=logs, environment=environment) for part in plan.parts]
        self.waiting_stages = sorted({part.stage for part in plan.parts})
        self.began = time.monotonic()
        self.answering = False
        self.probe: socket.socket | None = None
        self.probe_again_at = 0.0
        self.said_slow = False

    def run(self) -> int:
        """Run until stopped; 0 after a wished stop, 1 when a part could not be kept alive."""
        self._listen_for_signals()
        failed = None
        try:
            while not self.stop_signals and failed is None:
                self._start_due_parts()
                self._look_whether_it_answers()
                self._wait(TICK if self.waiting_stages or not self.answering else IDLE_TICK)
                failed = self._notice_deaths()
            if failed:
                self._explain(failed)
        finally:
            self._stop_all()
        return 1 if failed else 0

    # --- waiting ---------------------------------------------------------------------------------
    def _listen_for_signals(self) -> None:
        reading, writing = os.pipe()
        os.set_blocking(reading, False)
        os.set_blocking(writing, False)
        signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
        self.selector.register(reading, selectors.EVENT_READ, lambda: self._drain(reading))
        for number in STOPPING:
            signal.signal(number, self._on_stop)
        signal.signal(signal.SIGCHLD, lambda *_: None)  # only wakes the selector

    def _on_stop(self, *_: object) -> None:
        self.stop_signals += 1

    def _drain(self, descriptor: int) -> None:
        with suppress(BlockingIOError):
            os.read(descriptor, 4096)

    def _wait(self, seconds: float) -> None:
        due = [part.restart_at - time.monotonic() for part in self.parts if part.restart_at is not None]
        for key, _ in self.selector.select(max(0.0, min([seconds, *due]))):
            key.data()

    # --- starting --------------------------------------------------------------------------------
    def _start_due_parts(self) -> None:
        while self.waiting_stages and self._ready_before(self.waiting_stages[0]):
            stage = self.waiting_stages.pop(0)
            for part in self.parts:
                if part.part.stage == stage:
                    self._start(part)
        for part in self.parts:
            if part.restart_at is not None and part.restart_at <= time.monotonic():
                self._start(part)

    def _ready_before(self, stage: int) -> bool:
        sockets = [part.part.socket for part in self.parts if part.part.stage < stage and part.part.socket]
        if not all(embedded_redis.answers(path) for path in sockets):
            return False
        return self.answering or not self._waits_for_answer(stage) or time.monotonic() - self.began > LONG_ENOUGH

    def _waits_for_answer(self, stage: int) -> bool:
        return all(part.part.waits_for_answer for part in self.parts if part.part.stage == stage)

    def _start(self, part: RunningPart) -> None:
        part.start()
        assert part.process is not None  # noqa: S101  # it was started one line above
        assert part.process.stdout is not None  # noqa: S101  # a pipe was asked for
        pipe = part.process.stdout
        self.selector.register(pipe, selectors.EVENT_READ, lambda: self._pump(part, pipe))

    def _pump(self, part: RunningPart, pipe: object) -> None:
        if not part.pump():
            self._forget(pipe)

    def _forget(self, pipe: object) -> None:
        with suppress(KeyError, ValueError):
            self.selector.unregister(pipe)  # type: ignore[arg-type]  # what was registered

    # --- answering -------------------------------------------------------------------------------
    def _look_whether_it_answers(self) -> None:
        """Ask the web server for its health once, and say the address when it is well."""
        waited = time.monotonic() - self.began
        if self.answering or any(not self._waits_for_answer(stage) for stage in self.waiting_stages):
            return
        if not self.said_slow and waited > SLOW_START:
            self.said_slow = True
            self.say(f"The site does not answer yet after {waited:.0f} s. See {self.plan.log_folder}/web.log")
        if self.probe is None and time.monotonic() >= self.probe_again_at:
            self._ask()

    def _ask(self) -> None:
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(self.plan.host, self.plan.host)  # noqa: S104  # compared, not bound
        try:
            line = socket.create_connection((host, self.plan.port), timeout=1)
            line.sendall(f"GET /health HTTP/1.1\r\nHost: {self.plan.health_host}\r\nConnection: close\r\n\r\n".encode())
        except OSError:
            self.probe_again_at = time.monotonic() + 0.5
            return
        self.probe = line
        self.selector.register(line, selectors.EVENT_READ, self._hear)

    def _hear(self) -> None:
        assert self.probe is not None  # noqa: S101  # only called for a registered probe
        try:
            answer = self.probe.recv(64)
        except OSError:
            answer = b""
        self._forget(self.probe)
        self.probe.close()
        self.probe = None
        if b" 200 " in answer:
            self.answering = True
            self._announce()
        else:
            self.probe_again_at = time.monotonic() + 0.5

    def _announce(self) -> None:
        sockets = [part.part.socket for part in self.parts if part.part.socket]
        write_state(Path(self.plan.run_folder), address=self.plan.address, redis_socket="".join(sockets))
        self.say(f"\nFreelance ML answers at {self.plan.address}")
        for note in self.plan.notes:
            self.say(f"  {note}")
        self.say("  Stop it with Ctrl-C.\n")

    # --- deaths ----------------------------------------------------------------------------------
    def _notice_deaths(self) -> RunningPart | None:
        for part in self.parts:
            if part.process is None:
                continue
            pipe = part.process.stdout
            ending = part.noticed_death()
            if ending is None:
                continue
            self._forget(pipe)
            if self.stop_signals:
                continue
            if part.hopeless:
                return part
            self.say(f"The part “{part.part.name}” {ending}; starting it again.")
        return None

    def _explain(self, part: RunningPart) -> None:
        self.say(f"\nThe part “{part.part.name}” dies again and again, so everything stops. Its last words:\n")
        for line in part.log.tail:
            self.say(f"  {line}")
        self.say(f"\nThe whole log is {part.log.path}. `python manage.py doctor` looks for the cause.")

    # --- stopping --------------------------------------------------------------------------------
    def _stop_all(self) -> None:
        patience = self.stop_signals
        self.say("Stopping.")
        for stage in sorted({part.part.stage for part in self.parts}, reverse=True):
            members = [part for part in self.parts if part.part.stage == stage and part.process]
            for part in members:
                part.ask_to_stop()
            asked = time.monotonic()
            while any(part.process and part.process.poll() is None for part in members):
                late = [part for part in members if time.monotonic() - asked > part.part.stop_within]
                if self.stop_signals > patience:
                    late = members
                for part in late:
                    part.end_group()
                self._wait(TICK)
            for part in members:
                part.pump()
                part.end_group()
                part.log.close()
        with suppress(FileNotFoundError):
            Path(self.plan.run_folder, "up.json").unlink()
        self.say("Stopped.")


def main() -> int:
    """Run the plan in the open file whose number is the only argument."""

    def say(line: str) -> None:
        with suppress(OSError):  # the terminal may be gone; the parts must still stop in order
            sys.stdout.write(f"{line}\n")
            sys.stdout.flush()

    with os.fdopen(int(sys.argv[1]), "rb") as file:
        plan = Plan.from_json(file.read().decode())
    return Supervisor(plan, say=say).run()


if __name__ == "__main__":
    raise SystemExit(main())
