#include <Poco/ClassLibrary.h>

#include "plugins/auth-pam/PamAuthenticator.h"

MAILDOCK_LIBRARY("authenticator")

POCO_BEGIN_MANIFEST(maildock::Authenticator)
POCO_EXPORT_CLASS(maildock::pam::PamAuthenticator)
POCO_END_MANIFEST
