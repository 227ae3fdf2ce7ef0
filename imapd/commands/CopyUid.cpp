#include "imapd/commands/CopyUid.h"

#include "imapd/response/ResponseWriter.h"

namespace imapd {

std::string copyUidCode(const maildir::CopyResult& result) {
    if (result.source.empty()) return {};
    return "COPYUID " + std::to_string(result.targetUidValidity.value) + ' ' + orderedSet(result.source) + ' ' +
           orderedSet(result.target);
}

}  // namespace imapd
