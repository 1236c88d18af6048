"""Why an event does not apply to a program, where several have the same reason."""

from __future__ import annotations

SIGNALS_END_IT = {"end": "a server ends by signals"}
NO_USR2 = {"usr2": "it has no USR2"}
NO_QUIT = {"quit": "it leaves QUIT to the kernel, which ends it at once"}
NO_LIMIT = {"max_requests": "it has no such limit"}
NO_TIMEOUT = {"timeout": "it does not watch its workers"}
NO_RELOAD = {"hup": "it does not reload"}
NO_SEMAPHORES = {"read_only": "it makes semaphores in /dev/shm itself"}
LONE = {
    **dict.fromkeys(
        ("kill_idle", "kill_busy", "kill_child"), "the one process is the program: nothing goes on"
    ),
    "max_requests": "the one process is the program: nothing goes on",
    "timeout": "nobody watches the one process",
}
NO_RELAY = dict.fromkeys(
    ("relay_late", "relay_restart"), "who ends while there is no relay has nobody to tell"
)
