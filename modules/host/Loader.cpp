#include "modules/host/Loader.h"

#include <Poco/Ascii.h>
#include <Poco/ClassLoader.h>

#include <algorithm>
#include <filesystem>

namespace maildock::host {

namespace {

void checkName(const std::string& what, const std::string& name) {
    const bool isPlain = !name.empty() && name.size() <= 64 && std::all_of(name.begin(), name.end(), [](char c) {
        return Poco::Ascii::isAlphaNumeric(static_cast<unsigned char>(c)) || c == '-' || c == '_';
    });
    if (!isPlain) throw LibraryError("`" + name + "` is not the name of " + what);
}

template <class Interface>
std::shared_ptr<Interface> load(const std::string& path, const std::string& kind) {
    checkLibrary(path, kind);
    auto library = std::make_shared<Poco::ClassLoader<Interface>>();
    try {
        library->loadLibrary(path);
        const Poco::Manifest<Interface>& manifest = library->manifestFor(path);
        if (manifest.size() != 1) {
            throw LibraryError("the library " + path + " has " + std::to_string(manifest.size()) +
                               " classes in its manifest, and must have one");
        }
        std::unique_ptr<Interface> object((*manifest.begin())->create());
        // The deleter owns the library, which thus goes after the object.
        return std::shared_ptr<Interface>(object.release(), [library](Interface* made) { delete made; });
    } catch (const LibraryError&) {
        throw;
    } catch (const Poco::Exception& e) {
        throw LibraryError("the library " + path + " can't be used: " + e.displayText());
    } catch (const std::exception& e) {
        // The text is copied while the library, whose exception it may be, is still loaded.
        throw LibraryError("the library " + path + " can't be used: " + e.what());
    }
}

}  // namespace

std::shared_ptr<Module> Loader::module(const std::string& name) const {
    checkName("a module", name);
    return load<Module>(_folder + "/modules/" + name + ".so", "module");
}

std::shared_ptr<Authenticator> Loader::authenticator(const std::string& name) const {
    checkName("an authentication plugin", name);
    return load<Authenticator>(_folder + "/plugins/auth-" + name + ".so", "authenticator");
}

std::shared_ptr<SizeStrategy> Loader::sizeStrategy(const std::string& name) const {
    checkName("a size plugin", name);
    return load<SizeStrategy>(_folder + "/plugins/" + name + ".so", "size");
}

bool Loader::hasAuthenticator(const std::string& name) const {
    std::error_code ignored;
    return std::filesystem::exists(_folder + "/plugins/auth-" + name + ".so", ignored);
}

std::string Loader::programFolder() {
    std::error_code ignored;
    return std::filesystem::read_symlink("/proc/self/exe", ignored).parent_path().string();
}

std::string Loader::defaultFolder() {
    return (std::filesystem::path(programFolder()) / ".." / "lib" / "maildock").lexically_normal().string();
}

}  // namespace maildock::host
