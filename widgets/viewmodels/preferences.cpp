#include "widgets/viewmodels/preferences.h"

#include <QSettings>
#include <algorithm>

#include "core/figure/color.h"

namespace rheo {

namespace {

// The theme has had its key since before there were others.
constexpr const char* themeKey = "theme";
constexpr const char* fontKey = "preferences/fontSize";
constexpr const char* mapKey = "preferences/colorMap";
constexpr const char* threadsKey = "preferences/threads";
constexpr const char* deviceKey = "preferences/device";
constexpr const char* memoryKey = "preferences/memoryMiB";
constexpr const char* cacheKey = "preferences/cache";

constexpr int mostThreads = 1024;

}  // namespace

Preferences readPreferences() {
    const QSettings settings;
    const Preferences defaults;
    Preferences found;
    const int theme = settings.value(themeKey, int(defaults.theme)).toInt();
    if (theme >= int(ThemeChoice::System) && theme <= int(ThemeChoice::Dark))
        found.theme = ThemeChoice(theme);
    const int font = settings.value(fontKey, 0).toInt();
    if (font >= smallestFont && font <= largestFont) found.fontSize = font;
    const QString map = settings.value(mapKey, defaults.colorMap).toString();
    if (parseColorMap(map.toStdString())) found.colorMap = map;
    found.threads = std::clamp(settings.value(threadsKey, 0).toInt(), 0, mostThreads);
    const QString device = settings.value(deviceKey, defaults.device).toString();
    if (device == "cpu" || device == "cuda") found.device = device;
    const qint64 memory = settings.value(memoryKey, qint64(defaults.memoryMiB)).toLongLong();
    if (memory >= leastMemoryMiB && memory <= mostMemoryMiB) found.memoryMiB = memory;
    found.cache = settings.value(cacheKey).toString();
    return found;
}

void writePreferences(const Preferences& preferences) {
    QSettings settings;
    settings.setValue(themeKey, int(preferences.theme));
    settings.setValue(fontKey, preferences.fontSize);
    settings.setValue(mapKey, preferences.colorMap);
    settings.setValue(threadsKey, preferences.threads);
    settings.setValue(deviceKey, preferences.device);
    settings.setValue(memoryKey, qint64(preferences.memoryMiB));
    settings.setValue(cacheKey, preferences.cache);
}

void usePreferredCache(const Preferences& preferences) {
    if (preferences.cache.isEmpty()) return;
    for (const char* name : {"HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "HF_HOME"})
        if (!qEnvironmentVariableIsEmpty(name)) return;
    qputenv("HF_HUB_CACHE", preferences.cache.toUtf8());
}

}  // namespace rheo
