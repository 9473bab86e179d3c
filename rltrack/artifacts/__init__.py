"""Artifacts: versions of files that runs make and use, each byte kept once.

    <root>/artifacts/blobs/<aa>/<sha256>              contents, by their digest
                    /<project>/<name>/v0.json …       versions: facts, and which blob lists the files
                                     /changes/…json   aliases, tags and the like, as changed later
                                     /uses/…json      which runs used which version
                                     /drafts/<id>/    parts of a version that many processes make

There is no lock and no index: a version number is claimed by a hard link, which fails if the name
is taken; each other file has one writer and arrives by rename. Nothing here knows of runs.

Read `artifact.py` first. `collection.py` has versions on disk, `blobs.py` contents, `manifest.py`
the list of files of one version, `references.py` files that stay elsewhere.
"""
