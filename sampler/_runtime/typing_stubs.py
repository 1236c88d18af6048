"""Names of ``typing`` that only type checkers need: that module is too heavy for libraries."""

__all__ = ("Generic", "TypeVar", "overload")

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Generic, TypeVar, overload
else:

    class Generic:
        """Stands for :class:`typing.Generic`."""

        __slots__ = ()

        def __class_getitem__(cls, item: object) -> type:
            return cls

    def TypeVar(*_: object) -> object:  # noqa: N802 - it stands for a class
        """Stand for :class:`typing.TypeVar`."""
        return None

    def overload(function: object) -> object:
        """Stand for :func:`typing.overload`."""
        return function
