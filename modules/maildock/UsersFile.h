// Changes a password in a users file (the format of auth-passwdfile, which is Dovecot's passwd-file).
#pragma once

#include <string>

namespace maildock {

// Puts `field`, as newPassword() makes it, in the place of the password of the first line for this user; the rest of
// the line and every other line stay octet by octet. A user who has no line gets one at the end. Users are compared
// without regard to case, as the plugin does unless told otherwise. Returns whether the user had a line.
//
// The file is replaced by a rename, so that whoever reads it sees the old or the new one, and keeps its mode and owner;
// a symbolic link stays and its target is replaced. Two calls at once do one after the other. Throws
// std::runtime_error, whose text is for the admin, if the file is not there or can't be written; then it is as it was.
bool setPassword(const std::string& path, const std::string& user, const std::string& field);

}  // namespace maildock
