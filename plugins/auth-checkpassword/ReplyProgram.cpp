// The program that a checkpassword program runs once a password is right: passes on, over descriptor 4, what the
// environment tells of the user: USER, HOME, AUTHORIZED, userdb_uid and the like, and the variables that EXTRA names.
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <sstream>
#include <string>

#include "plugins/auth-checkpassword/Reply.h"

namespace {

using namespace maildock::checkpassword;

void add(Environment& environment, const std::string& name) {
    // No other thread is there to change it.
    const char* value = std::getenv(name.c_str());  // NOLINT(concurrency-mt-unsafe)
    if (value != nullptr && !name.empty() && name.find('=') == std::string::npos) environment[name] = value;
}

}  // namespace

int main() {
    Environment environment;
    for (const char* name :
         {"USER", "HOME", "AUTHORIZED", "EXTRA", "userdb_uid", "userdb_gid", "userdb_home", "userdb_mail"}) {
        add(environment, name);
    }
    std::istringstream names(environment["EXTRA"]);
    environment.erase("EXTRA");
    int count = 0;
    for (std::string name; ++count <= 100 && names >> name;) add(environment, name);
    // Programs that become the user tell it so.
    if (::getuid() != 0) {
        environment.emplace("userdb_uid", std::to_string(::getuid()));
        environment.emplace("userdb_gid", std::to_string(::getgid()));
    }
    const std::string reply = encode(environment);
    if (reply.size() > maxReplyOctets) return 111;
    for (std::size_t sent = 0; sent < reply.size();) {
        const ssize_t put = ::write(replyDescriptor, reply.data() + sent, reply.size() - sent);
        if (put < 0 && errno == EINTR) continue;
        if (put <= 0) return 111;
        sent += static_cast<std::size_t>(put);
    }
    return 0;
}
