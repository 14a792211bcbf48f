"""Does each mutant of `make mutants` still apply?  None is run here."""

import pytest

from host_tests.mutants.table import MUTANTS
from tools.paths import LIB, ROOT


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: f"{mutant.file}: {mutant.fact}")
def test_a_mutant_changes_one_place_into_a_program_and_its_test_file_is_there(mutant):
    text = (LIB / "signet" / mutant.file).read_text()
    changed = mutant.change(text)
    assert changed != text
    compile(changed, mutant.file, "exec")
    assert (ROOT / mutant.test_path).is_file()
