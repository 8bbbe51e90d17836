#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/base/error.h"
#include "core/base/model_identity.h"
#include "core/base/residual_point.h"
#include "core/model/model.h"
#include "core/session/document.h"

namespace rheo {

/// The model of a session: how to open it again, and which one it is.
struct SessionModel {
    std::filesystem::path folder;
    ModelOptions options;
    ModelIdentity identity;
};

/// A day's work as a plain value: all that a session file brings back.
struct Session {
    DocumentState state;
    std::optional<SessionModel> model;
    /// Of the model, else of the rows: those that edits and teleports name.
    std::vector<ResidualPoint> points;
    std::filesystem::path traceFile;        ///< that holds state.trace; empty: none does
    std::filesystem::path promptsFile;      ///< that state.trace was captured from; empty: not known
    int limit = 0;                          ///< prompts read of it at most; 0: all
    std::vector<std::string> waiting = {};  ///< prompts that the model had not read yet
    std::string window = "{}";              ///< what the window keeps of itself: a JSON object
    std::vector<std::string> notes = {};    ///< of reading: what was left out, and why; sentences
};

/// Where the files of a session are now: by the path that the session names. An empty path: go on without it.
using Relocations = std::map<std::string, std::filesystem::path>;

/// A file that a session needs is gone, or is another than it was. The context is the path that the session
/// names, to be given a new one (Relocations).
class SessionSourceError : public Error {
public:
    using Error::Error;
};

}  // namespace rheo
