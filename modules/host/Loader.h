// Makes objects of the libraries below one folder: modules/NAME.so, plugins/auth-NAME.so, plugins/size-NAME.so.
//
// Each library is loaded by a Poco::ClassLoader and has one manifest, of the interface's class (maildock::Module,
// maildock::Authenticator or maildock::SizeStrategy), which holds exactly one class: that class is made, whatever its
// name. An object holds on to its library, so the library outlives it wherever it is passed. A library file that is
// replaced while it is loaded is taken at the next start of the program.
#pragma once

#include <memory>
#include <string>

#include "modules/api/Authenticator.h"
#include "modules/api/Module.h"
#include "modules/api/SizeStrategy.h"
#include "modules/host/LibraryFile.h"

namespace maildock::host {

class Loader {
public:
    // `folder` holds modules/ and plugins/.
    explicit Loader(std::string folder) : _folder(std::move(folder)) {}

    // A new object each time. Names are letters, digits, '-' and '_'. All throw LibraryError, naming the file.
    [[nodiscard]] std::shared_ptr<Module> module(const std::string& name) const;
    [[nodiscard]] std::shared_ptr<Authenticator> authenticator(const std::string& name) const;
    [[nodiscard]] std::shared_ptr<SizeStrategy> sizeStrategy(const std::string& name) const;

    // Whether there is a file for the plugin auth-NAME; it is not loaded.
    [[nodiscard]] bool hasAuthenticator(const std::string& name) const;

    // "<folder of the running program>/../lib/maildock", without "..".
    [[nodiscard]] static std::string defaultFolder();
    // The folder of the running program.
    [[nodiscard]] static std::string programFolder();

private:
    // PREFIXname.so in this subfolder. Throws LibraryError, naming those that there are, if it is missing.
    [[nodiscard]] std::string existing(const std::string& subfolder, const std::string& prefix,
                                       const std::string& name) const;

    std::string _folder;
};

}  // namespace maildock::host
