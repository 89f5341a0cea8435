"""Requirements files: what is read, and what is found wrong with them."""

import codecs
from collections.abc import Mapping
from pathlib import Path

import pytest

from mlreef_hooks.problems import RULES, Problems
from mlreef_hooks.required_package import DIGESTS
from mlreef_hooks.requirement_lines import MAX_LINE
from mlreef_hooks.requirements import (
    MAX_FILES,
    MAX_LINES,
    Requirements,
    find_requirements,
    read_requirements,
)
from mlreef_hooks.tree import SOURCE_BYTES, ReadObjects, SourceTree
from mlreef_hooks.tree_entry import FILE, SYMLINK, TreeEntry

COMMIT = "4f1c9ab2" * 5
COMMIT_256 = "4f1c9ab2" * 8
SHA = "0123456789abcdef" * 4
OTHER_SHA = "fedcba9876543210" * 4
HASH = f"--hash=sha256:{SHA}"


def make_tree(
    files: Mapping[str, str | bytes], links: Mapping[str, str] | None = None
) -> SourceTree:
    """A tree of regular files and symbolic links."""
    content = {
        path: text if isinstance(text, bytes) else text.encode() for path, text in files.items()
    }
    targets = {path: target.encode() for path, target in (links or {}).items()}
    entries = [
        TreeEntry(path=path, mode=mode, size=len(data), id="")
        for mode, table in ((FILE, content), (SYMLINK, targets))
        for path, data in table.items()
    ]
    held = content | targets
    return SourceTree(entries, ReadObjects(lambda entry: held[entry.path]))


def read(
    *files: str | bytes, allow: bool = False, **included: str | bytes
) -> tuple[Requirements, Problems]:
    """The reading of one requirements file; each further file is called after its keyword."""
    tree = make_tree(
        {"requirements.txt": files[0], **{f"{name}.txt": text for name, text in included.items()}}
    )
    problems = Problems()
    return read_requirements(
        tree, "requirements.txt", problems, allow_index_options=allow
    ), problems


def rules(problems: Problems) -> list[tuple[str, int | None]]:
    """Rule and line of each finding, in order."""
    return [(found.rule, found.line) for found in problems]


# -- the file that is read -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("files", "named", "path", "found"),
    [
        (["requirements.txt"], None, "requirements.txt", []),
        (["requirement.txt"], None, "requirement.txt", ["requirement.txt"]),
        (["reuirement.txt"], None, "reuirement.txt", ["reuirement.txt"]),
        (["requirements.txt", "reuirement.txt"], None, "requirements.txt", ["reuirement.txt"]),
        (
            ["reuirement.txt", "requirement.txt"],
            None,
            "requirement.txt",
            ["requirement.txt", "reuirement.txt"],
        ),
        (["deploy/gpu.txt"], "deploy/gpu.txt", "deploy/gpu.txt", []),
        (["deploy/gpu.txt"], "./deploy/../deploy/gpu.txt", "deploy/gpu.txt", []),
        (["requirement.txt"], "requirement.txt", "requirement.txt", []),
    ],
)
def test_requirements_file_is_found(
    files: list[str], named: str | None, path: str, found: list[str]
) -> None:
    problems = Problems()
    assert find_requirements(make_tree(dict.fromkeys(files, "")), problems, named=named) == path
    assert [(each.rule, each.path) for each in problems] == [
        ("requirements-name-old", name) for name in found
    ]
    assert problems.publishable


def test_warning_says_which_of_two_files_is_read() -> None:
    problems = Problems()
    tree = make_tree({"requirements.txt": "", "requirement.txt": ""})
    find_requirements(tree, problems, named=None)
    assert [str(found) for found in problems] == [
        "warning: requirement.txt: this is an old name of requirements.txt, and requirements.txt"
        " is read instead: remove requirement.txt [requirements-name-old]"
    ]


@pytest.mark.parametrize(
    ("named", "path"),
    [
        (None, "requirements.txt"),
        ("gpu.txt", "mlreef.toml"),
        ("../requirements.txt", "mlreef.toml"),
        ("/etc/passwd", "mlreef.toml"),
        ("", "mlreef.toml"),
        ("linked.txt", "mlreef.toml"),
    ],
)
def test_missing_requirements_file_is_a_finding(named: str | None, path: str) -> None:
    tree = make_tree({"deploy/requirements.txt": ""}, {"linked.txt": "deploy/requirements.txt"})
    problems = Problems()
    assert find_requirements(tree, problems, named=named) is None
    (found,) = problems
    assert (found.rule, found.path, found.line) == ("requirements-missing", path, None)
    assert found.hint


def test_symbolic_link_is_no_requirements_file() -> None:
    tree = make_tree({"base.txt": "numpy==2.1.0\n"}, {"requirements.txt": "base.txt"})
    problems = Problems()
    assert find_requirements(tree, problems, named=None) is None
    assert [found.message for found in problems] == ["requirements.txt is not a regular file"]


# -- what is read ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("", []),
        ("\n\n# nothing needed\n", []),
        ("numpy==2.1.0", ["numpy==2.1.0"]),
        ("numpy == 2.1.0\r\nscikit-image==0.24.0\r\n", ["numpy==2.1.0", "scikit-image==0.24.0"]),
        ("numpy==2.1.0 # the array\n  #numpy==1\n", ["numpy==2.1.0"]),
        ("\tPyYAML==6.0.2\t\n", ["pyyaml==6.0.2"]),
        ("Scikit_Image.Extra==1\n", ["scikit-image-extra==1"]),
        ("torch==2.3.0+cu121\n", ["torch==2.3.0+cu121"]),
        ("odd===1.0-weird\n", ["odd===1.0-weird"]),
        ("numpy (==2.1.0)\n", ["numpy==2.1.0"]),
        ("numpy>=2,==2.1.0\n", ["numpy==2.1.0,>=2"]),
        ("uvicorn[standard, http2]==0.30.0\n", ["uvicorn[http2,standard]==0.30.0"]),
        (
            "pywin32==306;sys_platform=='win32' and (python_version<'3.12')\n",
            ['pywin32==306; sys_platform == "win32" and python_version < "3.12"'],
        ),
        ("numpy==\\\n2.1.0\n", ["numpy==2.1.0"]),
        (
            "numpy==2.1.0 \\\n# a comment ends it\nscipy==1.14.0\n",
            ["numpy==2.1.0", "scipy==1.14.0"],
        ),
        ("numpy==2.1.0 # \\\nscipy==1.14.0\nfoo==1\n", ["numpy==2.1.0", "foo==1"]),
        ("numpy==2.1.0 \\", ["numpy==2.1.0"]),
        (
            f"numpy==2.1.0 \\\n  --hash=sha256:{SHA.upper()} \\\n  --hash sha256:{SHA}\n",
            [f"numpy==2.1.0 {HASH}"],
        ),
        (
            f"numpy==2.1.0 --hash='sha256:{OTHER_SHA}' {HASH}\n",
            [f"numpy==2.1.0 {HASH} --hash=sha256:{OTHER_SHA}"],
        ),
        (f"numpy {HASH}\n", [f"numpy {HASH}"]),
        (
            f"Foo@git+https://git.example/foo.git@{COMMIT}\n",
            [f"foo @ git+https://git.example/foo.git@{COMMIT}"],
        ),
        (
            f"git+https://git.example/foo.git@{COMMIT_256}#egg=Foo&subdirectory=py\n",
            [f"git+https://git.example/foo.git@{COMMIT_256}#egg=Foo&subdirectory=py"],
        ),
        (
            f"foo[gpu] @ git+http://git.example/foo@{COMMIT} ; os_name == 'posix'\n",
            [f'foo[gpu] @ git+http://git.example/foo@{COMMIT} ; os_name == "posix"'],
        ),
        (
            f"https://files.example/foo-1.0-py3-none-any.whl#sha256={SHA}; os_name=='nt'\n",
            [f'https://files.example/foo-1.0-py3-none-any.whl#sha256={SHA} ; os_name == "nt"'],
        ),
        (
            f"foo @ http://files.example/foo.tar.gz {HASH}\n",
            [f"foo @ http://files.example/foo.tar.gz {HASH}"],
        ),
    ],
)
def test_requirement_is_normalised(text: str, lines: list[str]) -> None:
    requirements, problems = read(text)
    assert (list(requirements.lines), rules(problems)) == (lines, [])


@pytest.mark.parametrize(
    "content",
    [
        codecs.BOM_UTF8 + "numpy==2.1.0  # größer\n".encode(),
        codecs.BOM_UTF16_LE + "numpy==2.1.0\n".encode("utf-16-le"),
        codecs.BOM_UTF16_BE + "numpy==2.1.0\n".encode("utf-16-be"),
    ],
)
def test_byte_order_mark_tells_the_encoding(content: bytes) -> None:
    requirements, problems = read(content)
    assert (requirements.lines, rules(problems)) == (("numpy==2.1.0",), [])


def test_requirements_have_the_parts_that_a_build_and_the_index_need() -> None:
    requirements, problems = read(
        f"--index-url https://pypi.example/simple\nNumPy==2.1.0 {HASH}\n"
        f"-c limits.txt\n-r more.txt\nhttps://files.example/x.tar.gz {HASH}\n",
        allow=True,
        limits="scipy<2\n",
        more=f"torch==2.3.0 {HASH}\n",
    )
    assert rules(problems) == []
    assert requirements == Requirements(
        lines=(
            f"numpy==2.1.0 {HASH}",
            f"torch==2.3.0 {HASH}",
            f"https://files.example/x.tar.gz {HASH}",
        ),
        displayed=("numpy==2.1.0", "torch==2.3.0", "https://files.example/x.tar.gz"),
        names=("numpy", "torch"),
        constraints=("scipy<2",),
        options=("--index-url https://pypi.example/simple",),
    )
    assert requirements.files["requirements.txt"] == (
        "--index-url https://pypi.example/simple\n"
        f"numpy==2.1.0 {HASH}\ntorch==2.3.0 {HASH}\nhttps://files.example/x.tar.gz {HASH}\n"
        "--constraint constraints.txt\n"
    )
    assert requirements.files["constraints.txt"] == "scipy<2\n"


def test_spelling_does_not_change_the_text() -> None:
    one, _ = read("Scikit_Image == 0.24.0\n# note\nfoo[b,a]==1 ; os_name=='nt'\n")
    other, _ = read('\nscikit-image==0.24.0\r\nfoo[a, b] ==1;os_name  ==  "nt"')
    text = one.files["requirements.txt"]
    assert text == other.files["requirements.txt"]
    assert text == 'scikit-image==0.24.0\nfoo[a,b]==1; os_name == "nt"\n'


def test_empty_file_gives_an_empty_text() -> None:
    requirements, problems = read("")
    assert (requirements, rules(problems)) == (Requirements(), [])


# -- pins ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "line", ["numpy", "numpy>=2", "numpy==2.*", "numpy~=2.1", "numpy!=2.1.0", "numpy[x]>2,<3"]
)
def test_unpinned_requirement_is_a_finding_and_stays(line: str) -> None:
    requirements, problems = read(f"scipy==1.14.0\n\n{line}\n")
    assert [str(found) for found in problems] == [
        "error: requirements.txt:3: numpy is not pinned: "
        "write numpy==<version> [requirement-unpinned]"
    ]
    assert requirements.names == ("scipy", "numpy")


@pytest.mark.parametrize(
    ("line", "rule"),
    [
        ("foo @ git+https://git.example/foo.git", "requirement-reference"),
        ("foo @ git+https://git.example/foo.git@main", "requirement-reference"),
        (f"foo @ git+https://git.example/foo.git@{COMMIT[:12]}", "requirement-reference"),
        (f"foo @ git+https://git.example/foo.git@{COMMIT}0", "requirement-reference"),
        (f"foo @ git+https://git.example/foo.git#{COMMIT}", "requirement-reference"),
        (f"git+https://git.example/foo.git@v1#egg=foo-{COMMIT}", "requirement-reference"),
        (f"foo @ git+ssh://git@git.example/foo.git@{COMMIT}", "requirement-reference"),
        (f"git+git@git.example:foo.git@{COMMIT}", "requirement-reference"),
        (f"foo @ git://git.example/foo.git@{COMMIT}", "requirement-reference"),
        (f"foo @ git@git.example:foo.git@{COMMIT}", "requirement-reference"),
        (f"hg+https://hg.example/foo@{COMMIT}", "requirement-reference"),
        ("svn+https://svn.example/foo@12", "requirement-reference"),
        ("foo @ bzr+https://bzr.example/foo@12", "requirement-reference"),
        ("foo @ ftp://files.example/foo.whl", "requirement-reference"),
        ("foo @ https:files.example/foo.whl", "requirement-reference"),
        ("foo @ https://files.example/foo.whl", "requirement-reference"),
        ("https://files.example/foo-1-py3-none-any.whl", "requirement-reference"),
        (
            f"https://files.example/foo-1-py3-none-any.whl#sha256={SHA[:-1]}",
            "requirement-reference",
        ),
        (f"https://files.example/foo-1-py3-none-any.whl#md5={SHA[:32]}", "requirement-reference"),
        (
            f"https://f.example/foo-1-py3-none-any.whl#md5={SHA[:32]}&sha256={SHA}",
            "requirement-reference",
        ),
        ("foo @ https://[files.example/foo.whl", "requirement-invalid"),
        (f"https://files.example/foo bar.whl#sha256={SHA}", "requirement-invalid"),
        (f"https://files.example/foo-1.whl#sha256={SHA}", "requirement-invalid"),
        (f"https://files.example/fo\u00f6-1-py3-none-any.whl#sha256={SHA}", "requirement-invalid"),
        (f"foo @ https://files.example/foo-1.whl#sha256={SHA}", "requirement-invalid"),
        (f"git+https://git.example/foo.git@{COMMIT}#egg=foo[gpu]", "requirement-invalid"),
        (f"foo @ https://files.example/foo.whl#sha256={SHA};os_name=='nt'", "requirement-invalid"),
        ("foo @ file:///srv/foo.whl", "requirement-local"),
        ("foo @ ./foo", "requirement-local"),
        (f"git+file:///srv/foo.git@{COMMIT}", "requirement-local"),
        (".", "requirement-local"),
        ("./foo", "requirement-local"),
        ("../foo[gpu]; os_name == 'nt'", "requirement-local"),
        ("/srv/foo", "requirement-local"),
        ("~/foo", "requirement-local"),
        ("vendor/foo", "requirement-local"),
        ("file:foo", "requirement-local"),
        ("file:///srv/foo.whl", "requirement-local"),
        ("foo-1.0-py3-none-any.whl", "requirement-local"),
        ("Foo-1.0.TAR.GZ", "requirement-local"),
        ("-e .", "requirement-local"),
        ("--editable=./foo", "requirement-local"),
        ("-efile:foo", "requirement-local"),
        (f"-e git+https://git.example/foo.git@{COMMIT}#egg=foo", "requirement-option"),
    ],
)
def test_reference_that_cannot_be_built_again_is_refused(line: str, rule: str) -> None:
    requirements, problems = read(f"numpy==2.1.0\n{line}\n")
    assert (rules(problems), requirements.lines) == ([(rule, 2)], ("numpy==2.1.0",))


# -- lines that cannot be read ---------------------------------------------------------------------


UNREAD = "this cannot be read as a requirement: "


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("numpy=2.1.0", f"{UNREAD}Expected "),
        ("numpy==2.1.0; os_name", f"{UNREAD}Expected marker operator, one of"),
        ("numpy==2.1.0; platform == 'x'", f"{UNREAD}Expected a marker variable or quoted string"),
        ("numpy==2.1.0 extra", f"{UNREAD}Expected "),
        ("numpy_==2.1.0", "a name ends in a letter or digit"),
        ("numpy==2.1.0#no-space", f"{UNREAD}Expected "),
        ("numpy==2.1.0; os_name == 'a\"b'", "a marker's value holds a quote"),
        ("<<<<<<< HEAD", f"{UNREAD}Expected package name"),
        ("numpy==2.1.0 \\ # continued", "a backslash stands within the line"),
        ("numpy==2.1.0 \\ ", "a backslash stands within the line"),
        ("numpy==2.\u00a01", "the line holds the invisible character U+00A0"),
        ("num\u200bpy==2.1.0", "the line holds the invisible character U+200B"),
        ("num\u202epy==2.1.0", "the line holds the invisible character U+202E"),
        ("numpy==2.1.0\x00", "the line holds the invisible character U+0000"),
        (HASH, "--hash stands without a requirement"),
        ("numpy==2.1.0 --hash=sha256:abc", "a --hash cannot be read"),
        (f"numpy==2.1.0 --hash=md5:{SHA[:32]}", "a --hash cannot be read"),
        (f"numpy==2.1.0 --hash={SHA}", "a --hash cannot be read"),
        (f"numpy==2.1.0 --hash=sha256:{'g' * 64}", "a --hash cannot be read"),
        ("numpy==2.1.0 --hash", "--hash lacks its value"),
        ("numpy==2.1.0 --hash='sha256:", "a quotation mark is not closed"),
        ("--no-index=yes", "--no-index takes no value"),
        ("n" * (MAX_LINE + 1), f"the line has {MAX_LINE + 1} characters"),
        ("numpy==2.1.0; " + "(" * 30000, "the marker is nested too deep"),
    ],
)
def test_line_that_cannot_be_read_is_one_finding(line: str, message: str) -> None:
    requirements, problems = read(f"{line}\nscipy==1.14.0\n")
    (found,) = problems
    assert (found.rule, found.line) == ("requirement-invalid", 1)
    assert found.message.startswith(message)
    assert len(found.message) <= 200
    assert found.message.isprintable()
    assert requirements.lines == ("scipy==1.14.0",)


@pytest.mark.parametrize(
    ("content", "line"),
    [
        ("numpy==2.1.0\n# größer\n".encode("latin-1"), 2),
        (codecs.BOM_UTF16_LE + b"numpy", 1),
        (codecs.BOM_UTF32_BE + "numpy==2.1.0".encode("utf-32-be"), 1),
    ],
)
def test_other_encodings_are_a_finding(content: bytes, line: int) -> None:
    requirements, problems = read(content)
    assert rules(problems) == [("requirement-invalid", line)]
    assert requirements == Requirements()


def test_every_line_is_reported_with_the_number_of_its_first() -> None:
    _, problems = read("numpy\n\nscipy>= \\\n  1\n# note\n\nfoo=1\n./bar\ntorch==${TORCH}\n")
    assert rules(problems) == [
        ("requirement-unpinned", 1),
        ("requirement-unpinned", 3),
        ("requirement-invalid", 7),
        ("requirement-local", 8),
        ("requirement-variable", 9),
    ]


# -- variables and credentials ---------------------------------------------------------------------


@pytest.mark.parametrize(
    "line",
    [
        "numpy==${VERSION}",
        "foo @ https://${USER}:${TOKEN}@files.example/foo.whl",
        "--extra-index-url https://${TOKEN}@pypi.example/simple",
        "-r ${FOLDER}/more.txt",
    ],
)
def test_variable_is_refused_wherever_it_stands(line: str) -> None:
    requirements, problems = read(f"{line}\n", allow=True)
    assert (rules(problems), requirements) == ([("requirement-variable", 1)], Requirements())


def test_variable_in_a_comment_is_nobodys_business() -> None:
    _, problems = read("numpy==2.1.0 # ${HOME}, $HOME\n")
    assert rules(problems) == []


@pytest.mark.parametrize(
    "line",
    [
        f"foo @ git+https://me:hunter2@git.example/foo.git@{COMMIT}",
        f"git+https://hunter2@git.example/foo.git@{COMMIT}#egg=foo",
        f"foo @ git+ssh://me:hunter2@git.example/foo.git@{COMMIT}",
        f"https://me:hunter2@files.example/foo.whl#sha256={SHA}",
        f"https://files.example/foo-1-py3-none-any.whl?private_token=hunter2#sha256={SHA}",
        f"https://files.example/foo-1-py3-none-any.whl?a=b&sig=hunter2#sha256={SHA}",
        "foo @ https://me:hunter2@files.example/foo.whl and more",
        "--index-url https://me:hunter2@pypi.example/simple",
        "--extra-index-url=https://hunter2@pypi.example/simple",
        "-i https://me:hunter2@pypi.example/simple",
        "-r https://me:hunter2@files.example/requirements.txt",
        "-f https://me:hunter2@files.example/",
        "--unknown=https://me:hunter2@files.example/",
        "-e git+https://me:hunter2@git.example/foo.git",
        "https://me:hunter2@[broken",
    ],
)
@pytest.mark.parametrize("allow", [False, True])
def test_credentials_are_refused_and_never_printed(line: str, allow: bool) -> None:
    requirements, problems = read(f"{line}\n", allow=allow)
    assert rules(problems) == [("requirement-credentials", 1)]
    assert "hunter2" not in "".join(str(found) for found in problems)
    assert requirements == Requirements()


@pytest.mark.parametrize(
    "line",
    [
        "https://files.example/secret-path/foo.whl",
        "foo @ https://files.example/secret-path/foo.whl and more",
        "-r https://files.example/secret-path/more.txt",
        "--index-urlhttps://files.example/secret-path",
        "--index-url ftp://files.example/secret-path",
        "--pre https://files.example/secret-path",
        "-xhttps://files.example/secret-path",
    ],
)
def test_no_message_quotes_a_url(line: str) -> None:
    _, problems = read(f"{line}\n", allow=True)
    assert len(rules(problems)) == 1
    assert "secret-path" not in "".join(str(found) for found in problems)


# -- options ---------------------------------------------------------------------------------------

INDEX_OPTIONS = [
    ("-i https://pypi.example/simple", "--index-url https://pypi.example/simple"),
    ("-ihttps://pypi.example/simple", "--index-url https://pypi.example/simple"),
    ("--index-url=https://pypi.example/simple", "--index-url https://pypi.example/simple"),
    ("--index http://pypi.example/", "--index-url http://pypi.example/"),
    ('--extra-index-url "https://a.example/"', "--extra-index-url https://a.example/"),
    ("--no-index", "--no-index"),
    ("--pre", "--pre"),
    ("--no-binary :all:", "--no-binary :all:"),
    ("--only-binary=numpy,scipy", "--only-binary numpy,scipy"),
    ("--trusted-host pypi.example:8080", "--trusted-host pypi.example:8080"),
]


@pytest.mark.parametrize(("line", "option"), INDEX_OPTIONS)
def test_index_option_is_kept_only_where_it_is_allowed(line: str, option: str) -> None:
    requirements, problems = read(f"{line}\nnumpy==2.1.0\n", allow=True)
    assert (requirements.options, rules(problems)) == ((option,), [])
    requirements, problems = read(f"{line}\nnumpy==2.1.0\n")
    assert (requirements.options, rules(problems)) == ((), [("requirement-option", 1)])
    assert option.split()[0] in next(iter(problems)).message


def test_several_options_may_share_a_line() -> None:
    requirements, problems = read("--no-index --pre -i https://pypi.example/\n", allow=True)
    assert requirements.options == ("--no-index", "--pre", "--index-url https://pypi.example/")
    assert rules(problems) == []


@pytest.mark.parametrize(
    "line",
    [
        "--find-links https://files.example/",
        "-f wheels",
        "--use-feature=fast-deps",
        "--config-settings a=b",
        "--global-option=--quiet",
        "--no-require-hashes",
        "--index-url ftp://pypi.example/simple",
        "--index-url wheels",
        "--trusted-host a/b",
        "--no-binary 'a b'",
        "numpy==2.1.0 --global-option=--quiet",
        "numpy==2.1.0 -C a=b",
        "numpy==2.1.0 --pre",
        "numpy==2.1.0 -r more.txt",
        "--target /usr/lib",
        "--pre numpy==2.1.0",
        "--no",
        "--",
        "-",
        "-x",
    ],
)
def test_option_that_is_never_taken(line: str) -> None:
    requirements, problems = read(f"{line}\n", allow=True, more="")
    assert rules(problems) == [("requirement-option", 1)]
    assert requirements.lines == ()


def test_harmless_options_are_kept() -> None:
    requirements, problems = read(f"--require-hashes\n--prefer-binary\nnumpy==2.1.0 {HASH}\n")
    assert requirements.options == ("--require-hashes", "--prefer-binary")
    assert rules(problems) == []


# -- includes --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "spelling",
    ["-r more.txt", "-rmore.txt", "--requirement more.txt", "--requirement=more.txt",
     "--requirem=more.txt", "-r ./more.txt", '-r "more.txt"', "-r other/../more.txt"],
)  # fmt: skip
def test_include_is_followed_in_place(spelling: str) -> None:
    requirements, problems = read(f"a==1\n{spelling}\nz==1\n", more="m==1\n")
    assert (requirements.lines, rules(problems)) == (("a==1", "m==1", "z==1"), [])


@pytest.mark.parametrize("spelling", ["-c more.txt", "--constraint=more.txt", "-cmore.txt"])
def test_constraints_stay_apart_and_need_no_pin(spelling: str) -> None:
    requirements, problems = read(f"{spelling}\na==1\n", more="a<2\nm\n")
    assert (requirements.lines, requirements.constraints) == (("a==1",), ("a<2", "m"))
    assert rules(problems) == []


@pytest.mark.parametrize(
    "line", ["foo[gpu]==1", f"https://files.example/foo.tar.gz#sha256={SHA}", "foo=1"]
)
def test_constraint_has_to_be_one(line: str) -> None:
    requirements, problems = read("-c more.txt\n", more=f"{line}\n")
    assert [(found.rule, found.path) for found in problems] == [("requirement-invalid", "more.txt")]
    assert requirements.constraints == ()


def test_include_is_relative_to_the_file_that_names_it() -> None:
    tree = make_tree({
        "deploy/requirements.txt": "-r parts/base.txt\nz\n",
        "deploy/parts/base.txt": "-r ../../common.txt\nnumpy\n",
        "common.txt": "\nscipy\n",
    })  # fmt: skip
    problems = Problems()
    requirements = read_requirements(tree, "deploy/requirements.txt", problems)
    assert requirements.lines == ("scipy", "numpy", "z")
    assert [(found.path, found.line) for found in problems] == [
        ("common.txt", 2),
        ("deploy/parts/base.txt", 2),
        ("deploy/requirements.txt", 2),
    ]


@pytest.mark.parametrize(
    "target",
    ["missing.txt", "../secret.txt", "a/../../secret.txt", "/etc/passwd", "file:///etc/passwd",
     "https://files.example/more.txt", "link.txt", "link/passwd", "folder", ".", ".."],
)  # fmt: skip
def test_include_that_is_not_in_the_tree(target: str, tmp_path: Path) -> None:
    files = {"requirements.txt": f"-r {target}\nnumpy==2.1.0\n", "folder/x.txt": ""}
    tree = make_tree(files, {"link.txt": str(tmp_path / "secret.txt"), "link": "/etc"})
    (tmp_path / "secret.txt").write_text("secret==1\n")
    problems = Problems()
    requirements = read_requirements(tree, "requirements.txt", problems)
    assert (rules(problems), requirements.lines) == (
        [("requirement-include", 1)],
        ("numpy==2.1.0",),
    )


@pytest.mark.parametrize(
    ("files", "place"),
    [
        ({"requirements.txt": "-r requirements.txt\n"}, ("requirements.txt", 1)),
        ({"requirements.txt": "-r a.txt\n", "a.txt": "\n-r ./requirements.txt"}, ("a.txt", 2)),
        ({"requirements.txt": "-r a.txt\n", "a.txt": "-c a.txt"}, ("a.txt", 1)),
    ],
)
def test_file_that_includes_itself_is_a_finding(
    files: dict[str, str], place: tuple[str, int]
) -> None:
    problems = Problems()
    read_requirements(make_tree(files), "requirements.txt", problems)
    assert [(found.rule, found.path, found.line) for found in problems] == [
        ("requirement-include", *place)
    ]


def test_file_that_is_included_twice_is_read_once() -> None:
    requirements, problems = read(
        "-r a.txt\n-r b.txt\n-r base.txt\n",
        a="-r base.txt\na==1\n",
        b="-r base.txt\nb==1\n",
        base="base==1\n",
    )
    assert (requirements.lines, rules(problems)) == (("base==1", "a==1", "b==1"), [])


def test_include_bomb_ends_at_the_limit() -> None:
    # Each file names each other twice: without a limit, more readings than atoms.
    names = [f"f{number}.txt" for number in range(60)]
    files = dict.fromkeys(names, "".join(f"-r {name}\n-c {name}\n" for name in names))
    problems = Problems()
    reads: list[str] = []

    def read_counted(entry: TreeEntry) -> bytes:
        reads.append(entry.path)
        return files[entry.path].encode()

    tree = SourceTree(make_tree(files).entries, ReadObjects(read_counted))
    read_requirements(tree, "f0.txt", problems)
    assert len(reads) == MAX_FILES
    assert "requirement-include" in {found.rule for found in problems}


# -- repeated packages and hashes ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("numpy==1\nnumpy==2\n", [2]),
        ("numpy==1\nnumpy==1\n", [2]),
        ("scikit-image==1\nScikit_Image==1\nscikit.image==2\n", [2, 3]),
        ("numpy==1; os_name=='nt'\nnumpy==2; os_name=='posix'\n", []),
        ("numpy==1; os_name=='nt'\nnumpy==2; os_name == \"nt\"\n", [2]),
        ("numpy==1; os_name=='nt'\nnumpy==2\n", [2]),
        ("numpy==1\nnumpy==2; os_name=='nt'\n", [2]),
        (f"numpy==1\nnumpy @ git+https://git.example/numpy@{COMMIT}\n", [2]),
        (f"numpy==1\ngit+https://git.example/x@{COMMIT}#egg=NumPy\n", [2]),
        (f"foo_x==1\nhttps://f.example/Foo.X-1-py3-none-any.whl#sha256={SHA}\n", [2]),
        (f"https://f.example/a.zip#sha256={SHA}\nhttps://f.example/b.zip#sha256={SHA}\n", []),
    ],
)
def test_package_that_is_required_twice(text: str, lines: list[int]) -> None:
    _, problems = read(text)
    assert rules(problems) == [("requirement-repeated", line) for line in lines]


def test_repeated_package_names_both_lines() -> None:
    _, problems = read("-r more.txt\nNumPy==2\n", more="\nnumpy==1\n")
    (found,) = problems
    assert (found.path, found.line) == ("requirements.txt", 2)
    assert found.message == "NumPy is required here and at more.txt:2"


def test_package_may_be_required_and_constrained() -> None:
    _, problems = read("-c more.txt\nnumpy==2\n", more="numpy<3\nnumpy>1\n")
    assert rules(problems) == []


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        (f"numpy==1 {HASH}\nscipy==1\nfoo==1\n", [2, 3]),
        ("--require-hashes\nnumpy==1\n", [2]),
        (f"numpy==1 {HASH}\nhttps://f.example/a.zip#sha256={SHA}\n", []),
        (f"numpy==1\nhttps://f.example/a.zip#sha256={SHA}\n", []),
        (f"numpy==1 {HASH}\nfoo @ git+https://git.example/foo@{COMMIT}\n", [2]),
        (f"numpy==1 {HASH}\nfoo @ git+https://git.example/foo@{COMMIT}#sha256={SHA}\n", [2]),
        (f"numpy==1 {HASH}\n-c more.txt\n", []),
    ],
)
def test_one_hash_wants_a_hash_for_all(text: str, lines: list[int]) -> None:
    _, problems = read(text, more="scipy<2\n")
    assert rules(problems) == [("requirement-hash-missing", line) for line in lines]


@pytest.mark.parametrize("algorithm", sorted(DIGESTS))
def test_hashes_that_pip_takes(algorithm: str) -> None:
    digest = "a" * DIGESTS[algorithm]
    requirements, problems = read(f"numpy==1 --hash={algorithm}:{digest}\n")
    assert rules(problems) == []
    assert requirements.lines == (f"numpy==1 --hash={algorithm}:{digest}",)
    assert requirements.displayed == ("numpy==1",)


# -- hostile files ---------------------------------------------------------------------------------

HOSTILE = {
    "continued": ("\\\n" * (SOURCE_BYTES // 2), []),
    "continued words": (" a\\\n" * (SOURCE_BYTES // 4), ["requirement-invalid"]),
    "spaces": (" " * (SOURCE_BYTES - 1) + "x", ["requirement-unpinned"]),
    "spaces before a comment": (
        "x" + " \t" * (SOURCE_BYTES // 2 - 4) + "#",
        ["requirement-unpinned"],
    ),
    "one line": ("x" * SOURCE_BYTES, ["requirement-invalid"]),
    "blank lines": ("\n" * SOURCE_BYTES, []),
    "deep marker": ("a==1;" + "(" * (MAX_LINE - 6) + "\n", ["requirement-invalid"]),
    "deep markers": (
        ("a==1;" + "(" * (MAX_LINE - 6) + "\n") * (SOURCE_BYTES // MAX_LINE),
        ["requirement-invalid"] * 16,
    ),
    "wide marker": (
        "a==1;" + " or ".join(["os_name=='nt'"] * 3500) + "\n",
        [],
    ),
    "specifiers": ("a" + ",".join(["==1"] * 16000) + "\n", []),
    "extras": ("a[" + ",".join(["b"] * 32000) + "]==1\n", []),
    "long version": ("a==" + "9" * 60000 + "\n", None),  # packaging 24 refuses it, 26 does not
    "dashes": ("a" + "-" * (MAX_LINE - 2) + "\n", ["requirement-invalid"]),
    "queries": ("https://a/" + "?" * (MAX_LINE - 20) + "\n", ["requirement-reference"]),
    "schemes": ("://" * 20000 + "\n", ["requirement-local"]),
    "users": ("https://a" + "://a" * 16000 + "\n", ["requirement-reference"]),
    "options": ("--pre " * 10000 + "\n", ["requirement-option"]),
    "quotes": ("--pre " + "'\"" * 30000 + "\n", ["requirement-option"]),
    "hashes": ("a==1 " + f"{HASH} " * 800 + "\n", []),
    "includes": ("-r x.txt " * 7000 + "\n", ["requirement-include"]),
    "line separators": ("a==1\u2028" * 1000, ["requirement-repeated"] * 999),
}


@pytest.mark.parametrize("name", sorted(HOSTILE))
def test_hostile_file_ends_in_findings(name: str) -> None:
    text, expected = HOSTILE[name]
    requirements, problems = read(text.encode()[:SOURCE_BYTES])
    found = [each.rule for each in problems]
    assert set(found) <= set(RULES)
    assert expected is None or found == expected
    assert len(requirements.files["requirements.txt"]) <= 2 * SOURCE_BYTES


def test_lines_beyond_the_limit_are_not_read() -> None:
    text = "".join(f"package{number}==1\n" for number in range(MAX_LINES + 50))
    requirements, problems = read(text)
    assert len(requirements.lines) == MAX_LINES
    assert rules(problems) == [("requirement-invalid", MAX_LINES + 1)]


def test_limit_counts_the_lines_of_all_files() -> None:
    half = "".join(f"a{number}==1\n" for number in range(MAX_LINES // 2 + 10))
    requirements, problems = read(
        "-r one.txt\n-r two.txt\nlast==1\n", one=half, two=half.replace("a", "b")
    )
    assert len(requirements.lines) == MAX_LINES - 2
    assert [found.path for found in problems] == ["two.txt"]


def test_too_large_a_file_is_not_read() -> None:
    requirements, problems = read("#" * (SOURCE_BYTES + 1))
    assert rules(problems) == [("tree-file-too-large", None)]
    assert requirements == Requirements()
