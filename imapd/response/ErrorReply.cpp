#include "imapd/response/ErrorReply.h"

namespace imapd {

using maildir::ErrorKind;

namespace {

// A refusal that names no path says what the client can do about it; what names one is for the log.
std::string textFor(const maildir::Error& error, const char* general) {
    return error.path().empty() ? error.what() : general;
}

}  // namespace

Reply replyTo(const maildir::Error& error) {
    switch (error.kind()) {  // RFC 5530 section 3
        case ErrorKind::NotFound:
            return Reply::no("No such mailbox", "NONEXISTENT");
        case ErrorKind::AlreadyExists:
            return Reply::no("A mailbox of this name exists already", "ALREADYEXISTS");
        case ErrorKind::NoPermission:
            return Reply::no("Permission denied", "NOPERM");
        case ErrorKind::OverQuota:
            return Reply::no("No room left to store this", "OVERQUOTA");
        case ErrorKind::Expunged:
            return Reply::no("Some of the messages no longer exist", "EXPUNGEISSUED");
        case ErrorKind::Busy:
        case ErrorKind::WouldWait:
            return Reply::no("The mailbox is locked by another program, try again", "INUSE");
        case ErrorKind::Corrupt:
            return Reply::no("The mailbox is damaged, tell the administrator", "CORRUPTION");
        case ErrorKind::Limit:
            return Reply::no(textFor(error, "A limit of this server was reached"), "LIMIT");
        case ErrorKind::InvalidName:
            return Reply::no(textFor(error, "This cannot be the name of a mailbox"), "CANNOT");
        case ErrorKind::Unavailable:
            return Reply::no("Your mail cannot be reached at the moment; try again later", "UNAVAILABLE");
        case ErrorKind::Io:
            break;
    }
    return Reply::no("Internal error, see the server's log", "SERVERBUG");
}

Reply replyToTarget(const maildir::Error& error) {
    if (error.kind() == ErrorKind::NotFound) return Reply::no("No such mailbox, create it first", "TRYCREATE");
    return replyTo(error);
}

}  // namespace imapd
