#include "widgets/views/view_table.h"

#include <algorithm>
#include <array>

#include "core/session/comparison_views.h"
#include "widgets/views/attribution_view.h"
#include "widgets/views/compare_view.h"
#include "widgets/views/flow_view.h"
#include "widgets/views/lens_map_view.h"
#include "widgets/views/orbit_view.h"
#include "widgets/views/patch_map_view.h"
#include "widgets/views/response_view.h"
#include "widgets/views/results_view.h"
#include "widgets/views/routing_view.h"
#include "widgets/views/trajectory_view.h"
#include "widgets/views/verdicts_view.h"
#include "widgets/views/writing_view.h"

namespace rheo {

namespace {

using Make = View* (*)(const ViewEntry&, const ViewContext&);

/// Views that do more than show a figure of results: live rows, teleports, choices.
struct OwnWidget {
    std::string_view figure;
    Make make;
};
constexpr std::array ownWidgets{
    OwnWidget{"trajectories",
              [](const ViewEntry& entry, const ViewContext& c) -> View* {
                  return new TrajectoryView(entry.figure, c);
              }},
    OwnWidget{"lens_map",
              [](const ViewEntry& entry, const ViewContext& c) -> View* {
                  return new LensMapView(entry.figure, c.workspace, c.selection, c.teleport);
              }},
    OwnWidget{"orbits_3d",
              [](const ViewEntry& entry, const ViewContext& c) -> View* {
                  return new OrbitView(entry.figure, c.workspace, c.selection, c.analyses);
              }},
    OwnWidget{"patch_map",
              [](const ViewEntry& entry, const ViewContext& c) -> View* {
                  return new PatchMapView(entry.figure, c);
              }},
    OwnWidget{"attribution",
              [](const ViewEntry& entry, const ViewContext& c) -> View* {
                  return new AttributionView(entry.figure, c);
              }},
    OwnWidget{"routing",
              [](const ViewEntry& entry, const ViewContext& c) -> View* {
                  return new RoutingView(entry.figure, c);
              }},
    OwnWidget{"writing",
              [](const ViewEntry& entry, const ViewContext& c) -> View* {
                  return new WritingView(entry.figure, c);
              }},
    OwnWidget{
        "flow",
        [](const ViewEntry& entry, const ViewContext& c) -> View* { return new FlowView(entry.figure, c); }},
    OwnWidget{"response",
              [](const ViewEntry& entry, const ViewContext& c) -> View* {
                  return new ResponseView(entry.figure, c);
              }},
    OwnWidget{"verdicts",
              [](const ViewEntry& entry, const ViewContext& c) -> View* {
                  return new VerdictsView(entry.figure, c.workspace);
              }},
    OwnWidget{pathsView,
              [](const ViewEntry& entry, const ViewContext& c) -> View* {
                  return new CompareView(entry.figure, c);
              }},
};

View* makeResultsView(const ViewEntry& entry, const ViewContext& c) {
    return new ResultsView(entry.figure, c.workspace, c.selection, c.analyses);
}

/// Place among the widgets of their own; their count for all others.
std::size_t ownPlace(std::string_view figure) {
    const auto own = std::find_if(ownWidgets.begin(), ownWidgets.end(),
                                  [&](const OwnWidget& widget) { return widget.figure == figure; });
    return static_cast<std::size_t>(own - ownWidgets.begin());
}

QString text(std::string_view words) {
    return QString::fromUtf8(words.data(), static_cast<qsizetype>(words.size()));
}

}  // namespace

std::vector<ViewEntry> viewTable() {
    auto figures = figureViewsOfResults();
    for (const FigureView& figure : figureViewsOfFiles())
        if (ownPlace(figure.name) < ownWidgets.size()) figures.push_back(figure);
    std::stable_sort(figures.begin(), figures.end(), [](const FigureView& a, const FigureView& b) {
        return ownPlace(a.name) < ownPlace(b.name);
    });
    std::vector<ViewEntry> views;
    for (const FigureView& figure : figures) {
        const std::size_t own = ownPlace(figure.name);
        views.push_back({text(figure.name), text(figure.label), text(figure.shows), figure,
                         own < ownWidgets.size() ? ownWidgets[own].make : makeResultsView});
    }
    return views;
}

}  // namespace rheo
