#include "modules/maildock/CommandLine.h"

namespace maildock {

namespace {

CommandLine mistaken(const std::string& text) {
    CommandLine line;
    line.action = CommandLine::Action::Mistake;
    line.mistake = text;
    return line;
}

bool takesUser(const CommandLine& line) {
    return line.action == CommandLine::Action::Passwd || line.action == CommandLine::Action::AuthTest;
}

}  // namespace

CommandLine CommandLine::parse(const std::vector<std::string>& arguments) {
    CommandLine line;
    bool hasCommand = false;
    bool isAboutKeys = false;
    bool isPreauthenticated = false;
    for (std::size_t i = 0; i < arguments.size(); ++i) {
        const std::string& argument = arguments[i];
        if (argument == "--help" || argument == "-h") {
            line.action = Action::Help;
            return line;
        }
        if (argument == "--version") {
            line.action = Action::Version;
            return line;
        }
        if (argument == "--config" || argument == "-c") {
            if (++i == arguments.size()) return mistaken("the option " + argument + " needs a file");
            line.configFile = arguments[i];
        } else if (argument.rfind("--config=", 0) == 0) {
            line.configFile = argument.substr(9);
        } else if (argument == "--preauth") {
            if (++i == arguments.size()) return mistaken("the option --preauth needs a user");
            line.user = arguments[i];
            isPreauthenticated = true;
        } else if (argument.rfind("--preauth=", 0) == 0) {
            line.user = argument.substr(10);
            isPreauthenticated = true;
        } else if (argument == "--keys") {
            isAboutKeys = true;
        } else if (argument == "--password") {
            line.proof = Proof::Password;
        } else if (argument == "--token") {
            line.proof = Proof::Token;
        } else if (argument.rfind("--scheme=", 0) == 0 && argument.size() > 9) {
            line.scheme = argument.substr(9);
        } else if (argument == "--set") {
            if (++i == arguments.size() || arguments[i].empty()) return mistaken("the option --set needs a file");
            line.usersFile = arguments[i];
        } else if (argument.rfind("--set=", 0) == 0 && argument.size() > 6) {
            line.usersFile = argument.substr(6);
        } else if (argument.size() > 1 && argument.front() == '-') {
            return mistaken("there is no option " + argument);
        } else if (takesUser(line) && !argument.empty() && line.user.empty()) {
            line.user = argument;
        } else if (hasCommand) {
            return mistaken("there is one command too many: " + argument);
        } else if (argument == "check") {
            hasCommand = true;
            line.action = Action::Check;
        } else if (argument == "passwd") {
            hasCommand = true;
            line.action = Action::Passwd;
        } else if (argument == "auth") {
            if (++i == arguments.size() || arguments[i] != "test")
                return mistaken("the command auth has one form: auth test USER");
            hasCommand = true;
            line.action = Action::AuthTest;
        } else {
            return mistaken("there is no command `" + argument + "`");
        }
        if (line.configFile.empty()) return mistaken("the option --config needs a file");
    }
    if (isPreauthenticated) {
        if (hasCommand || isAboutKeys) return mistaken("the option --preauth belongs to no command");
        if (line.user.empty()) return mistaken("the option --preauth needs a user");
        line.action = Action::Preauthenticated;
    }
    if (line.proof != Proof::None && line.action != Action::AuthTest) {
        return mistaken(std::string("the option ") + (line.proof == Proof::Token ? "--token" : "--password") +
                        " belongs to the command auth test");
    }
    if (!line.scheme.empty() && line.action != Action::Passwd)
        return mistaken("the option --scheme belongs to the command passwd");
    if (!line.usersFile.empty() && line.action != Action::Passwd)
        return mistaken("the option --set belongs to the command passwd");
    if (!line.usersFile.empty() && line.user.empty()) return mistaken("the option --set needs a user");
    if (line.action == Action::AuthTest && line.user.empty()) return mistaken("the command auth test needs a user");
    if (isAboutKeys) {
        if (line.action != Action::Check) return mistaken("the option --keys belongs to the command check");
        line.action = Action::ListKeys;
    }
    return line;
}

std::string CommandLine::help() {
    return "usage: maildock [--config=FILE]         serve in the foreground\n"
           "       maildock --preauth=USER [--config=FILE]   serve USER on standard input and output, asking for no\n"
           "                                        password: for ssh\n"
           "       maildock check [--config=FILE]   say what is wrong in the configuration\n"
           "       maildock check --keys [--config=FILE]   list every key that the program and the libraries named in\n"
           "                                        FILE know: key, kind, default and meaning, separated by tabs\n"
           "       maildock passwd [--scheme=SCHEME] [USER]   ask for a password, write a line for the users file\n"
           "       maildock passwd [--scheme=SCHEME] --set FILE USER   ask for a password, put it into the users file\n"
           "       maildock auth test [--password|--token] [--config=FILE] USER   which plugin knows the user, what "
           "it\n"
           "                                        tells; and whether it takes a password, or a token of OAuth 2\n"
           "       maildock --version | --help\n"
           "\n"
           "FILE is /etc/maildock/maildock.properties unless told otherwise.\n"
           "Signals: SIGTERM and SIGINT stop cleanly, SIGHUP reads the configuration again.\n"
           "Exit status: 0 success; 1 check found errors, or passwd or auth test did not succeed; 64 wrong usage; 69 a "
           "module could not start;\n"
           "70 internal error; 78 the configuration is wrong.\n";
}

}  // namespace maildock
