"""Programs of others, run unchanged, with the writers of video replaced: ``ltx-protect``.

The command runs with a ``sitecustomize`` before everything else (:mod:`.startup`). It waits for the
libraries that write video (:mod:`.imports`) and puts in the place of what they write with a road to
:class:`provenance.ProvenanceWriter` (:mod:`.roads`, :mod:`.recording`). What cannot be replaced is
refused where it can be seen coming (:mod:`.watching`), and looked for when the command has ended
(:mod:`.leftovers`). This helps programs that mean well; one that wants to avoid it can.
"""
