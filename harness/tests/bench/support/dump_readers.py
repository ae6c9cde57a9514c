"""Reads a crash dump with two readers that others wrote and prints what they found as JSON.

Usage: dump_readers.py FILE.dmp [PAGE_FRAME_NUMBER...]

kdmp_parser is the C++ parser's binding, a code base apart from the crate of the same name. volatility3 is a forensic
framework, of which only the layer for crash dumps is used: its plug-ins want the symbols of a real Windows.
"""

import json
import pathlib
import sys

PAGE = 0x1000


def content(page):
    return None if page is None else bytes(page).hex()


def with_kdmp_parser(path, frames):
    import kdmp_parser

    dump = kdmp_parser.KernelDumpParser(path)
    return {
        "type": int(dump.type),
        "code": int(dump.header.BugCheckCode),
        "parameters": [int(value) for value in dump.header.BugCheckCodeParameter],
        "page_tables": int(dump.directory_table_base),
        "pages": len({int(address) for address in dump.pages}),
        "samples": {str(pfn): content(dump.read_physical_page(pfn * PAGE)) for pfn in frames},
    }


def with_volatility3(path, frames):
    from volatility3.framework import contexts
    from volatility3.framework.layers import crash, physical

    context = contexts.Context()
    context.config["file.location"] = path.absolute().as_uri()
    context.add_layer(physical.FileLayer(context, "file", "file"))
    context.config["dump.base_layer"] = "file"
    layer = crash.WindowsCrashDump64Layer(context, "dump", "dump")
    context.add_layer(layer)
    runs = [[offset, length] for offset, length, _, _, _ in layer.mapping(0, layer.maximum_address + 1, True)]

    def page(pfn):
        address = pfn * PAGE
        return content(layer.read(address, PAGE) if layer.is_valid(address, PAGE) else None)

    return {
        "type": int(layer.dump_type),
        "page_tables": int(layer.dtb),
        "pages": sum(length for _, length in runs) // PAGE,
        "samples": {str(pfn): page(pfn) for pfn in frames},
    }


def main():
    path = pathlib.Path(sys.argv[1])
    frames = [int(word, 0) for word in sys.argv[2:]]
    found = {}
    for name, read in (("kdmp_parser", with_kdmp_parser), ("volatility3", with_volatility3)):
        found[name] = read(path, frames)
    json.dump(found, sys.stdout)


if __name__ == "__main__":
    main()
