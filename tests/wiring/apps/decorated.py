"""What takes uWSGI's hook after forks for itself."""

from uwsgidecorators import postfork


@postfork
def begin():
    print("postfork")
