// What the command line asks for; pure.
#pragma once

#include <string>
#include <vector>

namespace maildock {

struct CommandLine {
    enum class Action { Serve, Preauthenticated, Check, ListKeys, Passwd, AuthTest, Version, Help, Mistake };
    enum class Proof { None, Password, Token };

    Action action = Action::Serve;
    std::string configFile = "/etc/maildock/maildock.properties";
    std::string user;           // of Preauthenticated, Passwd (may be empty) and AuthTest
    std::string scheme;         // of Passwd; empty: the default
    std::string usersFile;      // of Passwd: the file to change; empty: the line is shown
    Proof proof = Proof::None;  // of AuthTest
    std::string mistake;        // of Action::Mistake: what is wrong, for the user

    // Arguments without the program's name.
    [[nodiscard]] static CommandLine parse(const std::vector<std::string>& arguments);
    [[nodiscard]] static std::string help();
};

}  // namespace maildock
