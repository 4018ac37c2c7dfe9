"""The rule for service names is Azure ML's."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelship.errors import InvalidNameError
from modelship.targets.instance import check_service_name

# As Azure ML's service names are described: this pattern, and 3 to 32 characters.
AZURE = re.compile(r"[a-z]([-a-z0-9]*[a-z0-9])?", re.ASCII)

names = st.one_of(
    st.from_regex(AZURE, fullmatch=True),
    st.text(st.sampled_from("az09-A_ \n"), max_size=40),
    st.text(max_size=5),
)


@given(names)
def test_a_name_is_taken_just_when_azure_takes_it(name):
    """check_service_name takes a str if and only if Azure ML's pattern and lengths do."""
    if AZURE.fullmatch(name) and 3 <= len(name) <= 32:
        assert check_service_name(name) == name
    else:
        with pytest.raises(InvalidNameError):
            check_service_name(name)


@given(st.one_of(st.none(), st.integers(), st.binary(), st.lists(st.text())))
def test_what_is_no_str_is_no_name(name):
    """A value of any other type is refused with the same error."""
    with pytest.raises(InvalidNameError):
        check_service_name(name)
