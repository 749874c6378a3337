"""The command line, run in this process."""

from mindaam.cli import main


def runner(capsys):
    """A function that runs `mindaam` with its arguments and gives exit code, stdout, stderr."""

    def run(*arguments):
        code = main.run([str(argument) for argument in arguments])
        said = capsys.readouterr()
        return code, said.out, said.err

    return run
