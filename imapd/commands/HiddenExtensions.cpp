#include "imapd/commands/HiddenExtensions.h"

#include <algorithm>
#include <string>
#include <variant>

#include "imapd/commands/Capability.h"

namespace imapd {

namespace {

bool usesSavedResult(const SearchKey& key) {
    return key.set.isSavedResult || std::any_of(key.children.begin(), key.children.end(), usesSavedResult);
}

bool has(const std::vector<StatusItem>& items, StatusItem item) {
    return std::find(items.begin(), items.end(), item) != items.end();
}

// Notes the first extension that a command uses and that is hidden.
class Hidden {
public:
    explicit Hidden(const Policy& policy) : _policy(&policy) {}
    [[nodiscard]] const std::string& found() const { return _found; }

    void operator()(const Id&) { needs("ID"); }
    void operator()(const Authenticate& command) { needs("SASL-IR", command.initialResponse.has_value()); }
    void operator()(const Enable&) { needs("ENABLE"); }
    void operator()(const Create& command) { needs("CREATE-SPECIAL-USE", !command.specialUse.empty()); }
    void operator()(const List& command) {
        needs("LIST-EXTENDED", command.isExtended);
        needs("SPECIAL-USE", command.selectSpecialUse || command.returnSpecialUse);
        needs("LIST-STATUS", !command.returnStatus.empty());
    }
    void operator()(const XList&) { needs("SPECIAL-USE"); }
    void operator()(const Status& command) {
        needs("STATUS=SIZE", has(command.items, StatusItem::Size));
        needs("IMAP4rev2", has(command.items, StatusItem::Deleted));
    }
    void operator()(const Namespace&) { needs("NAMESPACE"); }
    void operator()(const Idle&) { needs("IDLE"); }
    void operator()(const Append& command) {
        needs("BINARY", command.isBinary);
        needs("UTF8=ACCEPT", command.isUtf8);
    }
    void operator()(const Unselect&) { needs("UNSELECT"); }
    void operator()(const Expunge& command) {
        needs("UIDPLUS", command.uids.has_value());
        if (command.uids) set(*command.uids);
    }
    void operator()(const Search& command) {
        needs("ESEARCH", command.hasReturn);
        needs("SEARCHRES", command.returnSave || usesSavedResult(command.key));
    }
    void operator()(const Fetch& command) {
        set(command.set);
        needs("BINARY", std::any_of(command.items.begin(), command.items.end(), [](const FetchItem& item) {
                  return item.kind == FetchItem::Binary || item.kind == FetchItem::BinarySize;
              }));
    }
    void operator()(const Store& command) { set(command.set); }
    void operator()(const Copy& command) { set(command.set); }
    void operator()(const Move& command) {
        needs("MOVE");
        set(command.set);
    }
    template <class Other>
    void operator()(const Other&) {}

private:
    void set(const SequenceSet& given) { needs("SEARCHRES", given.isSavedResult); }
    void needs(const char* extension, bool isUsed = true) {
        if (isUsed && _found.empty() && !mayOffer(*_policy, extension) && !mayOffer(*_policy, "IMAP4rev2"))
            _found = extension;
    }

    const Policy* _policy;
    std::string _found;
};

}  // namespace

std::optional<Reply> refusalOfHidden(const Policy& policy, const Arguments& arguments) {
    if (policy.allowedCapabilities.empty()) return std::nullopt;
    Hidden hidden(policy);
    std::visit(hidden, arguments);
    if (hidden.found().empty()) return std::nullopt;
    return Reply::bad(hidden.found() + " is not offered here");
}

}  // namespace imapd
