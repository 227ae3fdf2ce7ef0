// Messages whose files can't be read: told to the log, each file once. Any thread.
#pragma once

#include <functional>
#include <string>

#include "maildir/ToldOnce.h"
#include "maildir/UnreadableFile.h"

namespace imapd {

class Unreadable {
public:
    // Gives log() the line to log, unless the file was told of before.
    void note(const maildir::Error& error, const std::function<void(const std::string&)>& log) {
        // Without the flags: they change.
        if (_told.isFirst(error.path().substr(0, error.path().rfind(":2,")))) log(maildir::describeUnreadable(error));
    }

private:
    maildir::ToldOnce _told;  // paths
};

}  // namespace imapd
