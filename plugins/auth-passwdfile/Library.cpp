#include <Poco/ClassLibrary.h>

#include "plugins/auth-passwdfile/PasswdFileAuthenticator.h"

MAILDOCK_LIBRARY("authenticator")

POCO_BEGIN_MANIFEST(maildock::Authenticator)
POCO_EXPORT_CLASS(maildock::passwdfile::PasswdFileAuthenticator)
POCO_END_MANIFEST
