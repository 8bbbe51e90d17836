#pragma once

#include <array>

namespace rheo {

/// An option of `rheograph`, for its parser and its man page.
struct WindowOption {
    const char* name;
    const char* value;  ///< nullptr: takes none
    const char* description;
};
inline constexpr std::array windowOptions{
    WindowOption{"demo", nullptr, "Open the built-in demo."},
    WindowOption{"published", nullptr, "Open the trace of a published model, SmolLM2-135M."},
    WindowOption{"theme", "name", "light, dark or system."},
    WindowOption{"screenshot", "file.png",
                 "Save a picture of the window once it shows its trajectories, and quit."},
};
inline constexpr const char* windowSummary =
    "Watch a transformer's residual stream as a dynamical system over depth.";
inline constexpr const char* windowPath =
    "What to open: a session, a model (a folder, a GGUF file, ORG/NAME or ollama:NAME), a trace, a results "
    "file, or "
    "the folder of a report. Each gets a window.";

}  // namespace rheo
