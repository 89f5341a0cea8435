"""The scripts of source distributions on PyPI that `benchmarks.real_scripts` tries."""

from dataclasses import dataclass
from pathlib import PurePosixPath


@dataclass(frozen=True, kw_only=True)
class Published:
    """A file of a source distribution: the project, its version, the archive's SHA-256, the path
    in it.
    """

    project: str
    version: str
    sha256: str
    path: str

    @property
    def name(self) -> str:
        """What the file is called in a repository of its own."""
        return PurePosixPath(self.path).name


_ROWS = """
autoflake 2.4.0 ef7c496d9bce9d2cef049f24e482d1d3090c37fbd44e5e85dfb00db3c78ee16c autoflake.py
autopep8 2.3.2 89440a4f969197b69a995e4ce0661b031f455a9f776d2c5ba3dbd83466931758 autopep8.py
chardet 7.7.0 0ba38a05201b0abf7570c12d8af45c30b2af835bd5cc52bfc7105082eda82c1e src/chardet/cli.py
check-manifest 0.51 9801c7637675755a563f33e3c48ee59a59b37a7677297c05c910c16c5b9b6d67 check_manifest.py
csv2md 1.7.1 3293cd0ae4b4704504124adda37ea7ff30d3b19c61165392362e87eeb9bd6cea csv2md/__main__.py
docformatter 1.4 064e6d81f04ac96bc0d176cbaae953a0332482b22d3ad70d47c8a7f2732eef6f docformatter.py
docx2txt 0.9 18013f6229b14909028b19aa7bf4f8f3d6e4632d7b089ab29f7f0a4d1f660e28 docx2txt/docx2txt.py
eradicate 3.0.1 c9cb7ef8e7e83c3fbd9806010e21089892bb649531c68875a555c7b5c978faa6 eradicate.py
exifread 3.5.1 9f998f80d3062741c976dfc4fd033424bc40932937994e4d2181eb70c4b6aedd exifread/cli.py
ftfy 6.3.1 9b3c3d90f84fb267fe64d375a07b7f8912d817cf86009ae134aa03e1819506ec ftfy/cli.py
img2pdf 0.6.3 219518020f5bd242bdc46493941ea3f756f664c2e86f2454721e74353f58cd95 src/img2pdf.py
jmespath 1.1.0 472c87d80f36026ae83c6ddd0f1d05d4e510134ed462851fd5f754c8c3cbb88d bin/jp.py
licenseheaders 0.8 747a424a77c6ed7e925626d5a65bd5b2e6396daff0e567612bc2e0e509260328 licenseheaders.py
pdfminer.six 20260107 96bfd431e3577a55a0efd25676968ca4ce8fd5b53f14565f85716ff363889602 tools/pdf2txt.py
python-minifier 3.4.0 ead3a340c31efee62851ba33cfd998b16816132be794adf3d192ce0bdf5fbca7 src/python_minifier/__main__.py
pyupgrade 3.9.0 a4c7132f4614f7acbacb756275c8a7881ad418f8a1c6ff6512c30dcf4c98f500 pyupgrade/_main.py
subword-nmt 0.3.8 3964c66b37712ca1d9fb9a1a6ff7e57c9ab72d838813da3e9a1d4d4997f4fb75 subword_nmt/learn_bpe.py
reorder-python-imports 3.9.0 49292ed537829a6bece9fb3746fc1bbe98f52643be5de01a4e13680268a5b0ec reorder_python_imports.py
unify 0.5 8ddce812b2457212b7598fe574c9e6eb3ad69710f445391338270c7f8a71723c unify.py
xlsx2csv 0.8.6 618fc502612860de8ab8e3d6195e99ef332fffc68337f6b89e59690aad0d20b5 xlsx2csv.py
yesqa 1.5.0 209c17274f3c0cc22195ddb26f93df3523634d0756f756913ed05cba970efad9 yesqa.py
"""  # noqa: E501 - a table
SCRIPTS = tuple(
    Published(project=project, version=version, sha256=sha256, path=path)
    for project, version, sha256, path in map(str.split, _ROWS.strip().splitlines())
)
