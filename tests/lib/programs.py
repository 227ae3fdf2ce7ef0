"""Runs a program that starts servers of its own: it is asked to end, not killed, so that it ends them too."""

import subprocess

ENDS_WITHIN = 60    # seconds after SIGTERM


def run_bounded(command, seconds):
    """The subprocess.CompletedProcess with what it printed as text. After so many seconds it gets SIGTERM, and an
    AssertionError tells the end of its standard error."""
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          text=True) as process:
        try:
            output, errors = process.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            process.terminate()
            try:
                output, errors = process.communicate(timeout=ENDS_WITHIN)
            except subprocess.TimeoutExpired:
                process.kill()
                output, errors = process.communicate()
            raise AssertionError(f"did not end within {seconds} s\n{errors[-4000:]}") from None
        return subprocess.CompletedProcess(command, process.returncode, output, errors)
