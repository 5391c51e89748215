"""
Run as a program: logs and counts as fast as it can, in several processes, until it is killed or has made its calls.

    script.py COUNTERS PROCESSES CALLS MODE

CALLS is 0 for ever. MODE is `handler` (a RunHandler at the root) or `hook` (under `outrider run`, which sees the records by itself).

After each call has returned, and not before, its number is written to shared memory, which survives any kill. Runs on Python 3.8.
(Through a memoryview: one store of eight bytes. `struct.pack_into` clears them first, and a kill in between leaves a 0.)
"""

import logging
import mmap
import os
import sys

HEADER, SLOT = 64, 32  # header: pid of the parent, ready; slot: pid, metric calls, log calls, refused


def main():
    path, processes, calls, mode = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4]
    import outrider

    with open(path, "r+b") as file:
        memory = memoryview(mmap.mmap(file.fileno(), 0)).cast("Q")
    run = outrider.start_run("fault")
    if mode == "handler":
        logging.basicConfig(level=logging.INFO, handlers=[outrider.RunHandler()])
    else:
        logging.basicConfig(level=logging.INFO, filename=os.devnull)
    with open(path + ".run", "w") as file:
        file.write(os.environ["OUTRIDER_RUN_ID"])
    memory[0] = os.getppid()
    children = []
    for index in range(1, processes):
        pid = os.fork()
        if pid == 0:
            scribble(run, memory, index, calls)
            os._exit(0)
        children.append(pid)
    scribble(run, memory, 0, calls)
    for pid in children:
        os.waitpid(pid, 0)


def scribble(run, memory, index, calls):
    """The loop: one metric, one log record, each counted when its call has returned."""
    at = (HEADER + index * SLOT) // 8
    memory[at] = os.getpid()
    name = f"p{index}"
    logger = logging.getLogger(name)
    i = 0
    while i != calls or not calls:
        i += 1
        run.log(name, i, step=i)
        memory[at + 1] = i
        logger.info("line %d", i, extra={"metrics": {name: i}, "step": i})
        memory[at + 2] = i


if __name__ == "__main__":
    main()
