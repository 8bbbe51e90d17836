#pragma once

#include <QString>
#include <cstdint>

#include "widgets/viewmodels/theme_source.h"

namespace rheo {

/// What a person sets once for all windows to come.
struct Preferences {
    ThemeChoice theme = ThemeChoice::System;
    int fontSize = 0;               ///< of the window's texts [pt]; 0: that of the desktop
    QString colorMap = "viridis";   ///< of values that are never negative, as recipes name it
    int threads = 0;                ///< of analyses and models; 0: one for each core
    QString device = "cpu";         ///< that computes a model
    std::int64_t memoryMiB = 1024;  ///< what an analysis may hold beside its results
    QString cache;                  ///< folder of fetched models; empty: as Hugging Face's libraries say

    bool operator==(const Preferences&) const = default;
};

constexpr int smallestFont = 6, largestFont = 32;  ///< [pt]
constexpr std::int64_t leastMemoryMiB = 64, mostMemoryMiB = 1 << 20;

/// As they were written last; what is not there, or is out of range, has its default.
Preferences readPreferences();
void writePreferences(const Preferences& preferences);

/// Lets models be looked for in the folder of the preferences. The environment's own word (HF_HUB_CACHE,
/// HUGGINGFACE_HUB_CACHE, HF_HOME) goes first. To be called before a second thread runs.
void usePreferredCache(const Preferences& preferences);

}  // namespace rheo
