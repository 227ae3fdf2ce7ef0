#include "maildir/message/Structure.h"

#include "maildir/message/Ascii.h"

namespace maildir {

bool Part::isMultipart() const {
    return ascii::equalIgnoringCase(type, "multipart");
}

bool Part::isMessage() const {
    return !children.empty() && !isMultipart();
}

Structure parseStructure(std::string_view message, StructureLimits limits) {
    StructureParser parser(limits);
    parser.feed(message);
    return parser.finish();
}

}  // namespace maildir
