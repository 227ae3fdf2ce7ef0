// The responses of a FETCH that asks for nothing but UID and FLAGS: what clients ask of whole mailboxes to synchronise.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <unordered_map>

#include "imapd/fetch/FetchPlan.h"
#include "maildir/Types.h"

namespace imapd {

class Session;

class FlagLines {
public:
    // Whether these responses are all that the plan needs.
    static bool suffice(const FetchPlan& plan);

    // Writes a response for each message, UIDs ascending. False: some of them are gone.
    bool write(Session& session, const FetchPlan& plan, std::span<const maildir::Uid> uids);

private:
    // "(...)" of the records without keywords, by their flags.
    std::unordered_map<unsigned, std::string> _texts;
};

}  // namespace imapd
