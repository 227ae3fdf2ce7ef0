"""Several clients at once: a process each, begun together, bounded in time."""

import multiprocessing
import time
import traceback

import client

_fork = multiprocessing.get_context("fork")


def _body(index, pipe, barrier, prepare, run):
    try:
        client.buffer = client.Buffer(4 << 20)    # not the parent's pages
        state = prepare(index)
        barrier.wait(120)
        began = time.monotonic()
        value = run(index, state)
        pipe.send((began, time.monotonic(), value, None))
    except BaseException:     # whatever it was: the parent fails the row with it
        barrier.abort()
        pipe.send((0, 0, None, traceback.format_exc(limit=5)))
    finally:
        pipe.close()


def parallel(count, prepare, run, seconds):
    """prepare(index) in each of `count` processes, then run(index, state) in all at once, for `seconds` at most.

    Returns (seconds from the first beginning to the last end, what each run returned).
    """
    barrier, pipes, processes, results, errors = _fork.Barrier(count), [], [], [], []
    for index in range(count):
        mine, theirs = _fork.Pipe(duplex=False)
        process = _fork.Process(target=_body, args=(index, theirs, barrier, prepare, run), daemon=True)
        process.start()
        theirs.close()
        pipes.append(mine)
        processes.append(process)
    deadline = time.monotonic() + seconds
    try:
        for pipe in pipes:
            try:
                if not pipe.poll(max(0.1, deadline - time.monotonic())):
                    raise EOFError("a client did not end in time")
                results.append(pipe.recv())
            except EOFError as error:
                errors.append(str(error) or "a client ended early")
            else:
                if results[-1][3]:
                    errors.append(results[-1][3])
    finally:
        for process in processes:
            process.join(0.1 if errors else 2)
            if process.is_alive():
                process.kill()
                process.join()
    if errors:
        raise client.BenchError(f"{len(errors)} of {count} clients failed, the first: "
                                + next((e for e in errors if "BrokenBarrier" not in e), errors[0]))
    return max(r[1] for r in results) - min(r[0] for r in results), [r[2] for r in results]
