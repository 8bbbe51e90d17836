#include "app/window_state.h"

#include <QJsonArray>

#include "app/main_window.h"
#include "app/tour.h"
#include "widgets/views/view.h"
#include "widgets/views/view_state.h"
#include "widgets/views/view_tabs.h"

namespace rheo {

namespace {

QJsonArray placesOf(const DocumentState& state, const QList<qint64>& rows) {
    QJsonArray places;
    for (const qint64 row : rows) {
        const TokenPlace place = placeOf(state, RowIndex{row});
        places.append(QJsonArray{static_cast<qint64>(place.prompt.value()), place.position});
    }
    return places;
}

QList<qint64> rowsOf(const DocumentState& state, const QJsonArray& places) {
    std::vector<TokenPlace> wanted;
    for (const auto& place : places)
        wanted.push_back({PromptId{place.toArray().at(0).toInteger()}, place.toArray().at(1).toInt(-1)});
    std::sort(wanted.begin(), wanted.end());
    QList<qint64> rows;
    if (state.trace)
        for (const RowIndex row : rowsAt(state, wanted)) rows << row.value();
    return rows;
}

}  // namespace

QJsonObject windowState(const MainWindow& window) {
    const DocumentState& document = *window.workspace().state();
    const Selection& selection = window.selection();
    QJsonObject views;
    for (const View* view : window.views()) views[view->id()] = viewState(*view);
    return {
        {"layout", window.viewTabs()->layout()},
        {"panels", QString::fromLatin1(window.saveState().toBase64())},
        {"views", views},
        {"selection",
         QJsonObject{
             {"rows", placesOf(document, selection.rows())},
             {"hidden", placesOf(document, selection.hiddenRows())},
             {"followed", selection.row() ? placesOf(document, {selection.row()->value()}) : QJsonArray()},
             {"mean", selection.showsMean()},
             {"point", static_cast<qint64>(selection.point().value())},
             {"unit", static_cast<qint64>(selection.unit().value())},
         }},
    };
}

void restoreWindow(MainWindow& window, const QJsonObject& state) {
    if (state.isEmpty()) return;
    const DocumentState& document = *window.workspace().state();
    const QJsonObject chosen = state["selection"].toObject();
    Selection& selection = window.selection();
    const auto followed = rowsOf(document, chosen["followed"].toArray());
    if (const auto rows = rowsOf(document, chosen["rows"].toArray()); !rows.isEmpty())
        selection.selectRows(rows, followed.isEmpty() ? std::nullopt : std::optional(followed.front()));
    selection.hideRows(rowsOf(document, chosen["hidden"].toArray()));
    selection.setShowsMean(chosen["mean"].toBool());
    selection.selectPoint(PointIndex{chosen["point"].toInteger()});
    selection.selectUnit(UnitIndex{chosen["unit"].toInteger()});
    window.restoreState(QByteArray::fromBase64(state["panels"].toString().toLatin1()));
    if (window.tour()->step() < 0) window.tour()->parentWidget()->hide();
    window.viewTabs()->restore(state["layout"].toObject());
    const QJsonObject views = state["views"].toObject();
    for (View* view : window.views()) restoreView(*view, views[view->id()].toObject());
}

}  // namespace rheo
