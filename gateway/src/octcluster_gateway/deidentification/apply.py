"""De-identified copies of DICOM objects, by the table of the standard."""

from collections.abc import Iterator

from pydicom.datadict import dictionary_has_tag
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.sequence import Sequence
from pydicom.tag import BaseTag
from pydicom.uid import UID

from octcluster_gateway.deidentification.burned_in import find_burned_in
from octcluster_gateway.deidentification.dummies import make_dummy
from octcluster_gateway.deidentification.leftovers import find_leftovers
from octcluster_gateway.deidentification.profile import Action, Profile
from octcluster_gateway.errors import CannotDeidentify, IdentityLeftBehind
from octcluster_gateway.pseudonyms.dates import shift_date
from octcluster_gateway.pseudonyms.pseudonyms import Pseudonyms

_STANDARD_ROOT = "1.2.840.10008."
_FIRST_GROUP = 0x0008  # those before are of files, messages and folders
_TIMES_REMOVED, _TIMES_MODIFIED = "REMOVED", "MODIFIED"


class Deidentifier:
    """Makes de-identified copies of DICOM objects.

    Beyond the table, attributes that the dictionary does not know are removed: nobody can say what they hold.

    Args:
        pseudonyms: What stands in the place of patients and UIDs.
        profile: The profile with its options.
        risky_models: Devices of the site that write names into pixels, by Manufacturer's Model Name.
    """

    def __init__(
        self,
        pseudonyms: Pseudonyms,
        profile: Profile | None = None,
        risky_models: frozenset[str] = frozenset(),
    ) -> None:
        self._pseudonyms = pseudonyms
        self._profile = profile or Profile()
        self._risky_models = risky_models

    def copy(self, dataset: Dataset, patient: str) -> Dataset:
        """A de-identified copy; what it was made from stays as it was.

        Args:
            dataset: The object, with its file meta information.
            patient: What identifies the patient at the site, as for ``Pseudonyms.patient``.

        Raises:
            CannotDeidentify: A value cannot be read, or the pixels may show a name.
            IdentityLeftBehind: The copy still names somebody.
        """
        reason = find_burned_in(dataset, self._risky_models)
        if reason is not None:
            raise CannotDeidentify(f"no de-identified copy is made, because {reason}")
        copy = self._copy_dataset(dataset, self._pseudonyms.shift_days(patient))
        copy.PatientID = self._pseudonyms.patient(patient)
        copy.PatientIdentityRemoved = "YES"
        copy.DeidentificationMethod = [code.meaning[:64] for code in self._profile.codes]
        copy.DeidentificationMethodCodeSequence = [_make_code(*code) for code in self._profile.codes]
        is_shifted = self._profile.find_action(0x00080020) is Action.SHIFT
        copy.LongitudinalTemporalInformationModified = _TIMES_MODIFIED if is_shifted else _TIMES_REMOVED
        copy.file_meta = self._copy_meta(dataset)
        leftovers = find_leftovers(copy, dataset, self._profile)
        if leftovers:
            raise IdentityLeftBehind(
                "no de-identified copy is made, because it would still name patient, staff, site or "
                f"device in {', '.join(leftovers)}: correct these attributes where they come from"
            )
        return copy

    def _copy_meta(self, dataset: Dataset) -> FileMetaDataset:
        """Class, instance and transfer syntax: all else can name senders, or hold private text."""
        meta = FileMetaDataset()
        meta.MediaStorageSOPClassUID = dataset.file_meta.MediaStorageSOPClassUID
        meta.MediaStorageSOPInstanceUID = UID(
            self._pseudonyms.uid(str(dataset.file_meta.MediaStorageSOPInstanceUID))
        )
        meta.TransferSyntaxUID = dataset.file_meta.TransferSyntaxUID
        return meta

    def _copy_dataset(self, dataset: Dataset, days: int) -> Dataset:
        copy = Dataset()
        for element, action in self._find_actions(dataset):
            changed = self._change(element, action, days)
            if changed is not None:
                copy.add(changed)
        return copy

    def _find_actions(self, dataset: Dataset) -> Iterator[tuple[DataElement, Action]]:
        """The elements that leave something behind; those that are removed are not even read."""
        for tag in dataset.keys():  # noqa: SIM118 - iterating a data set reads its elements
            action = self._profile.find_action(tag)
            if action is Action.REMOVE or not _is_known(BaseTag(tag)):
                continue
            try:
                element = dataset[tag]
            except Exception as error:
                raise CannotDeidentify(
                    f"attribute {BaseTag(tag)} cannot be read, so that nobody knows what it holds: "
                    "send the object again, or have its device repaired"
                ) from error
            yield element, action

    def _change(self, element: DataElement, action: Action, days: int) -> DataElement | None:
        if action is Action.SHIFT and element.VR in ("DA", "DT"):
            return self._shift(element, days)
        if action is Action.SHIFT:
            action = Profile().find_action(element.tag)
        if action is Action.REMOVE:
            return None
        if action is Action.EMPTY:
            return DataElement(element.tag, element.VR, [] if element.VR == "SQ" else None)
        if action is Action.REPLACE:
            return self._replace(element)
        if element.VR == "SQ":
            return DataElement(
                element.tag, "SQ", Sequence(self._copy_dataset(item, days) for item in element.value)
            )
        return self._replace_uids(element) if action is Action.REPLACE_UIDS else _keep(element)

    def _shift(self, element: DataElement, days: int) -> DataElement | None:
        values = element.value if element.VM > 1 else [element.value]
        shifted = [shift_date(str(value), days) for value in values if value]
        if None in shifted:
            return self._change(element, Profile().find_action(element.tag), days)
        return DataElement(element.tag, element.VR, shifted if len(shifted) != 1 else shifted[0])

    def _replace(self, element: DataElement) -> DataElement:
        """An element of the same kind that says nothing; of a sequence one item, with all in it replaced."""
        if element.VR == "UI":
            return self._replace_uids(element)
        if element.VR != "SQ":
            return DataElement(element.tag, element.VR, make_dummy(element.VR))
        dummy = Dataset()
        for item in element.value[:1]:
            for inner in item:
                if not inner.tag.is_private and _is_known(inner.tag):
                    dummy.add(self._replace(inner))
        return DataElement(element.tag, "SQ", Sequence([dummy]))

    def _replace_uids(self, element: DataElement) -> DataElement:
        """Other UIDs for those of objects; those that the standard gives a meaning stay."""
        values = element.value if element.VM > 1 else [element.value]
        replaced = [
            uid if str(uid).startswith(_STANDARD_ROOT) or not uid else self._pseudonyms.uid(str(uid))
            for uid in values
        ]
        return DataElement(element.tag, element.VR, replaced if len(replaced) != 1 else replaced[0])


def _keep(element: DataElement) -> DataElement:
    return DataElement(element.tag, element.VR, element.value, already_converted=True)


def _is_known(tag: BaseTag) -> bool:
    """Whether an attribute of data sets, and no length of a group, is in the dictionary."""
    return tag.group >= _FIRST_GROUP and tag.element != 0 and dictionary_has_tag(tag)


def _make_code(value: str, meaning: str) -> Dataset:
    code = Dataset()
    code.CodeValue = value
    code.CodingSchemeDesignator = "DCM"
    code.CodeMeaning = meaning[:64]
    return code
