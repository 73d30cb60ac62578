"""The errors are a tree, drawn in their module, and public."""

import octcluster
from octcluster.model import errors


def test_the_tree_in_the_docstring_is_the_tree() -> None:
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, Exception)]
    drawn = [line.split("── ")[-1].split()[0] for line in errors.__doc__.splitlines() if "── " in line]
    assert sorted(kind.__name__ for kind in kinds if kind is not errors.OctclusterError) == sorted(drawn)


def test_all_errors_are_public() -> None:
    public = {name for name in octcluster.__all__ if hasattr(errors, name)}
    assert public == {name for name, kind in vars(errors).items() if isinstance(kind, type)} & set(
        dir(octcluster)
    )
    assert all(issubclass(getattr(octcluster, name), octcluster.OctclusterError) for name in public)
