#include "imapd/commands/Id.h"

#include "imapd/session/Session.h"

namespace imapd {

std::unique_ptr<Execution> startId(Session& session, Arguments&& arguments) {
    std::string told;
    for (const StringPair& each : std::get<Id>(arguments).parameters) {
        if (each.value) told += (told.empty() ? "" : ", ") + each.name + "=" + *each.value;
    }
    if (!told.empty()) session.log("client: " + told);
    ResponseWriter writer = session.writer();
    writer.raw("* ID (");
    bool isFirst = true;
    for (const auto& [name, value] : session.policy().serverId) {
        if (!isFirst) writer.raw(" ");
        isFirst = false;
        writer.string(name).raw(" ").string(value);
    }
    writer.raw(")\r\n");
    return finished(Reply::ok("ID completed"));
}

}  // namespace imapd
