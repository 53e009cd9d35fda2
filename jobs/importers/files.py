"""Which files an import is about: those named, and those of the format in the folders named."""

from collections.abc import Collection, Sequence
from pathlib import Path

from models.errors import UsageError


def named_files(paths: Sequence[Path], suffixes: Collection[str]) -> tuple[list[tuple[Path, str]], list[str]]:
    """Each file with a name that tells it from the others, and warnings about what lies beside them in a folder.

    Raises:
        UsageError: a path does not exist, or a folder holds no file of the format.
    """
    files: list[Path] = []
    warnings: list[str] = []
    for path in paths:
        if path.is_dir():
            inside = sorted(one for one in path.iterdir() if one.is_file() and not one.name.startswith("."))
            wanted = [one for one in inside if one.suffix.lower() in suffixes]
            if not wanted:
                raise UsageError(f"{path}: no {', '.join(suffixes)} file is in this folder.")
            ignored = [one.name for one in inside if one not in wanted]
            if ignored:
                warnings.append(f"{path.name or path}: files ignored: {', '.join(ignored)}")
            files += wanted
        elif path.is_file():
            files.append(path)
        else:
            raise UsageError(f"{path} does not exist.")
    names = [path.name for path in files]
    return [(path, path.name if names.count(path.name) == 1 else str(path)) for path in files], warnings
