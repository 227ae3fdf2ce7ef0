// Where a user's mail lies: mail.location, or what a plugin tells of the user, with its variables filled in. Pure.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "modules/api/Account.h"
#include "modules/api/MailTrees.h"
#include "modules/api/Settings.h"

namespace imapd {

// The absolute path of the user's Maildir root. `pattern`: mail.location. Throws maildir::Error with a text for the
// log: a variable that is unknown or that stands for nothing (a user without a domain, or without a home), a name that
// can be no part of a path, a path that is not absolute. Nothing is ever left out or taken as text instead, since
// users would then share one folder.
std::string mailRootOf(const std::string& pattern, const maildock::Account& account);

// What is wrong with mail.location for any users.
std::vector<maildock::Finding> checkMailLocation(const std::string& pattern);
// What is wrong with it for these users: two who would share one folder.
std::vector<maildock::Finding> checkMailLocation(const std::string& pattern, const maildock::MailTrees::Users& users);

}  // namespace imapd
