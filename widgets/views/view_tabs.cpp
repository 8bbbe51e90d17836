#include "widgets/views/view_tabs.h"

#include <QAction>
#include <QApplication>
#include <QJsonArray>
#include <QMenu>
#include <QMouseEvent>
#include <QSplitter>
#include <QStackedWidget>
#include <QTabBar>
#include <QVBoxLayout>
#include <algorithm>
#include <functional>
#include <utility>

#include "widgets/views/view.h"

namespace rheo {

namespace {

constexpr int dragOutDistance = 40;  // pixels from the bar, beyond which a tab becomes a window

/// The views of a column. They fill what they get: layouts are not to ask each, shown or not, how high it
/// would be at a width, which wraps all of their texts again.
class ViewStack : public QStackedWidget {
public:
    QSize sizeHint() const override { return {800, 600}; }
    QSize minimumSizeHint() const override {
        QSize least;
        for (int i = 0; i < count(); ++i) least = least.expandedTo(widget(i)->minimumSizeHint());
        return least;
    }
    bool hasHeightForWidth() const override { return false; }
};

/// Tabs a little smaller than other texts, so that most of them fit into 1280 pixels.
class ViewBar : public QTabBar {
public:
    ViewBar() { fitFont(); }

protected:
    bool event(QEvent* event) override {
        if (event->type() == QEvent::ApplicationFontChange) fitFont();
        return QTabBar::event(event);
    }

private:
    void fitFont() {
        QFont font = QApplication::font("QTabBar");
        font.setPointSizeF(font.pointSizeF() * 0.92);
        setFont(font);
    }
};

QTabBar* makeBar() {
    auto* bar = new ViewBar;
    bar->setDocumentMode(true);
    bar->setDrawBase(false);
    bar->setExpanding(false);
    bar->setUsesScrollButtons(true);
    bar->setMovable(true);
    bar->setElideMode(Qt::ElideNone);
    bar->setSizePolicy(QSizePolicy::Expanding, QSizePolicy::Fixed);
    bar->setIconSize({10, 10});
    bar->setContextMenuPolicy(Qt::CustomContextMenu);
    bar->setAccessibleName(ViewTabs::tr("Views"));
    return bar;
}

/// A window that holds a view until it is closed.
class ViewWindow : public QWidget {
public:
    ViewWindow(View* view, QWidget* parent) : QWidget(parent, Qt::Window) {
        setWindowTitle(ViewTabs::tr("%1 – Rheograph").arg(view->title()));
        auto* layout = new QVBoxLayout(this);
        layout->setContentsMargins(0, 0, 0, 0);
        layout->addWidget(view);
        view->show();
    }
    std::function<void()> closed;

protected:
    void closeEvent(QCloseEvent* event) override {
        QWidget::closeEvent(event);
        if (const auto act = closed) act();  // a copy: it ends this window
    }
};

QStringList namesIn(const QJsonArray& array) {
    QStringList names;
    for (const QJsonValue& value : array) names << value.toString();
    return names;
}

}  // namespace

ViewTabs::ViewTabs(std::vector<View*> views, QWidget* parent)
    : QWidget(parent),
      m_views(std::move(views)),
      m_places(m_views.size(), Closed),
      m_looks(m_views.size()),
      m_windows(m_views.size(), nullptr),
      m_splitter(new QSplitter(Qt::Horizontal)) {
    auto* layout = new QVBoxLayout(this);
    layout->setContentsMargins(0, 0, 0, 0);
    layout->addWidget(m_splitter);
    m_splitter->setChildrenCollapsible(false);
    for (int c = 0; c < 2; ++c) {
        Column& column = m_columns[static_cast<std::size_t>(c)];
        column.bar = makeBar();
        column.stack = new ViewStack;
        column.stack->setMinimumWidth(300);
        column.widget = new QWidget;
        auto* inside = new QVBoxLayout(column.widget);
        inside->setContentsMargins(0, 0, 0, 0);
        inside->setSpacing(0);
        if (c == 1) inside->addWidget(column.bar);
        inside->addWidget(column.stack, 1);
        m_splitter->addWidget(column.widget);
        column.bar->installEventFilter(this);
        connect(column.bar, &QTabBar::currentChanged, this, [this, c](int tab) {
            if (m_isBusy || tab < 0) return;
            Column& of = m_columns[static_cast<std::size_t>(c)];
            of.stack->setCurrentWidget(viewAt(c, tab));
            setCurrent(viewAt(c, tab));
        });
        connect(column.bar, &QTabBar::tabBarClicked, this, [this, c](int tab) {
            if (tab >= 0 && tab == bar(c)->currentIndex()) setCurrent(viewAt(c, tab));
        });
        connect(column.bar, &QTabBar::tabMoved, this, &ViewTabs::arranged);
        connect(column.bar, &QTabBar::customContextMenuRequested, this,
                [this, c](const QPoint& at) { openMenu(c, at); });
    }
    m_columns[1].widget->hide();
    // The column or window with the focus is the one that menus and keys mean.
    connect(qApp, &QApplication::focusChanged, this, [this](QWidget*, QWidget* now) {
        for (View* view : m_views)
            if (now != nullptr && (view == now || view->isAncestorOf(now))) setCurrent(view);
    });
    m_isBusy = true;
    for (View* view : m_views) addTab(0, view);
    m_isBusy = false;
    settle();
}

ViewTabs::~ViewTabs() {
    disconnect(qApp, nullptr, this, nullptr);
    for (QWidget* window : m_windows) delete window;
}

std::size_t ViewTabs::indexOf(const View* view) const {
    return static_cast<std::size_t>(std::find(m_views.begin(), m_views.end(), view) - m_views.begin());
}

ViewTabs::Place ViewTabs::placeOf(const View* view) const {
    const std::size_t i = indexOf(view);
    return i < m_places.size() ? m_places[i] : Closed;
}

int ViewTabs::columnOf(const View* view) const {
    const Place place = placeOf(view);
    return place == First || place == Second ? static_cast<int>(place) : -1;
}

View* ViewTabs::viewAt(int column, int tab) const {
    const int i = bar(column)->tabData(tab).toInt();
    return m_views[static_cast<std::size_t>(i)];
}

int ViewTabs::tabOf(int column, const View* view) const {
    for (int tab = 0; tab < bar(column)->count(); ++tab)
        if (viewAt(column, tab) == view) return tab;
    return -1;
}

/// Where the order of the views has it, unless `at` says.
void ViewTabs::addTab(int column, View* view, int at) {
    QTabBar* tabs = bar(column);
    const std::size_t index = indexOf(view);
    if (at < 0) {
        at = tabs->count();
        for (int tab = 0; tab < tabs->count(); ++tab)
            if (indexOf(viewAt(column, tab)) > index) {
                at = tab;
                break;
            }
    }
    m_columns[static_cast<std::size_t>(column)].stack->addWidget(view);
    m_places[index] = column == 0 ? First : Second;
    // The tab knows its view before it may become the current one.
    const bool wasBusy = std::exchange(m_isBusy, true);
    tabs->setTabData(tabs->insertTab(at, view->title()), static_cast<int>(index));
    m_isBusy = wasBusy;
    applyLook(view);
}

/// Out of its tab or window; it is nowhere then.
void ViewTabs::take(View* view) {
    const std::size_t index = indexOf(view);
    if (const int column = columnOf(view); column >= 0) {
        m_columns[static_cast<std::size_t>(column)].stack->removeWidget(view);
        bar(column)->removeTab(tabOf(column, view));
    }
    view->setParent(this);
    view->hide();
    if (QWidget* window = std::exchange(m_windows[index], nullptr)) {
        static_cast<ViewWindow*>(window)->closed = nullptr;
        window->deleteLater();
        window->hide();
    }
    std::erase(m_closed, view);
    m_places[index] = Closed;
}

bool ViewTabs::mayGo(const View* view) const {
    return placeOf(view) != First || bar(0)->count() > 1;
}

void ViewTabs::setCurrent(View* view) {
    if (std::exchange(m_current, view) == view) return;
    if (m_isMaximized) showColumns();
    Q_EMIT currentChanged(view);
}

/// After views moved: the stacks show what their bars have in front, and an empty column takes no room.
void ViewTabs::settle() {
    for (int c = 0; c < 2; ++c)
        if (const int tab = bar(c)->currentIndex(); tab >= 0)
            m_columns[static_cast<std::size_t>(c)].stack->setCurrentWidget(viewAt(c, tab));
    if (m_current == nullptr || placeOf(m_current) == Closed ||
        (columnOf(m_current) >= 0 &&
         tabOf(columnOf(m_current), m_current) != bar(columnOf(m_current))->currentIndex()))
        setCurrent(viewAt(0, std::max(0, bar(0)->currentIndex())));
    showColumns();
    Q_EMIT arranged();
}

void ViewTabs::showColumns() {
    const bool isSplit = bar(1)->count() > 0, wasSplit = !m_columns[1].widget->isHidden();
    const int alone = m_isMaximized ? columnOf(m_current) : -1;
    m_columns[0].widget->setVisible(alone != 1);
    m_columns[1].widget->setVisible(isSplit && alone != 0);
    if (isSplit && !wasSplit) m_splitter->setSizes({width() / 2, width() / 2});
}

void ViewTabs::showWindows(bool on) {
    for (QWidget* window : m_windows)
        if (window != nullptr && window->isHidden() == on) window->setVisible(on);
}

void ViewTabs::setMaximized(bool on) {
    m_isMaximized = on;
    showColumns();
}

void ViewTabs::show(View* view) {
    if (indexOf(view) >= m_views.size()) return;
    if (placeOf(view) == Closed) putBack(view);
    if (QWidget* window = m_windows[indexOf(view)]) {
        window->show();
        window->raise();
        window->activateWindow();
        return setCurrent(view);
    }
    const int column = columnOf(view);
    bar(column)->setCurrentIndex(tabOf(column, view));
    setCurrent(view);
}

void ViewTabs::step(int by) {
    const int column = std::max(0, columnOf(m_current)), count = bar(column)->count();
    bar(column)->setCurrentIndex((bar(column)->currentIndex() + by + count) % count);
}

void ViewTabs::putBack(View* view) {
    m_isBusy = true;
    take(view);
    addTab(0, view);
    m_isBusy = false;
    settle();
}

void ViewTabs::moveToOtherColumn(View* view) {
    if (!mayGo(view)) return;
    const int to = placeOf(view) == First ? 1 : 0;
    m_isBusy = true;
    take(view);
    addTab(to, view);
    bar(to)->setCurrentIndex(tabOf(to, view));
    m_isBusy = false;
    settle();
    setCurrent(view);
}

void ViewTabs::makeWindow(View* view, const QByteArray& geometry) {
    const QSize size = view->size();
    take(view);
    auto* window = new ViewWindow(view, this);
    window->closed = [this, view] { putBack(view); };
    const std::size_t index = indexOf(view);
    m_windows[index] = window;
    m_places[index] = Window;
    window->setWindowIcon(windowIcon());
    if (geometry.isEmpty() || !window->restoreGeometry(geometry)) window->resize(size);
    window->show();
}

void ViewTabs::moveToWindow(View* view) {
    if (!mayGo(view) || placeOf(view) == Window) return;
    m_isBusy = true;
    makeWindow(view, {});
    m_isBusy = false;
    settle();
    setCurrent(view);
}

void ViewTabs::close(View* view) {
    if (!mayGo(view) || placeOf(view) == Closed) return;
    m_isBusy = true;
    take(view);
    m_closed.push_back(view);
    m_isBusy = false;
    settle();
}

void ViewTabs::closeOthers(View* view) {
    show(view);
    const int column = columnOf(view);
    if (column < 0) return;
    m_isBusy = true;
    for (View* other : m_views)
        if (other != view && columnOf(other) == column) {
            take(other);
            m_closed.push_back(other);
        }
    m_isBusy = false;
    settle();
}

void ViewTabs::reopen() {
    if (!m_closed.empty()) show(m_closed.back());
}

void ViewTabs::reset() {
    restore({});
}

void ViewTabs::setLook(const View* view, const QColor& text, const QIcon& mark, const QString& toolTip) {
    m_looks[indexOf(view)] = {text, mark, toolTip};
    applyLook(view);
}

void ViewTabs::applyLook(const View* view) {
    const int column = columnOf(view);
    if (column < 0) return;
    const Look& look = m_looks[indexOf(view)];
    const int tab = tabOf(column, view);
    QTabBar* tabs = bar(column);
    if (tabs->tabTextColor(tab) != look.text) tabs->setTabTextColor(tab, look.text);
    // An icon, even none, makes the bar measure the texts of all tabs.
    if (tabs->tabIcon(tab).cacheKey() != look.mark.cacheKey()) tabs->setTabIcon(tab, look.mark);
    tabs->setTabToolTip(tab, look.toolTip);
}

void ViewTabs::openMenu(int column, const QPoint& at) {
    const int tab = bar(column)->tabAt(at);
    if (tab < 0) return;
    View* view = viewAt(column, tab);
    QMenu menu(this);
    const auto add = [&](const QString& text, bool enabled, auto act) {
        QAction* action = menu.addAction(text);
        action->setEnabled(enabled);
        connect(action, &QAction::triggered, this, act);
    };
    add(column == 0 ? tr("Move &beside the others") : tr("Move &back to the first column"), mayGo(view),
        [this, view] { moveToOtherColumn(view); });
    add(tr("Show in its own &window"), mayGo(view), [this, view] { moveToWindow(view); });
    menu.addSeparator();
    add(tr("&Numbers as a table"), view->hasFigure(), [this, view] { Q_EMIT tableRequested(view); });
    add(tr("&Export…"), view->hasFigure(), [this, view] { Q_EMIT exportRequested(view); });
    menu.addSeparator();
    add(tr("&Close"), mayGo(view), [this, view] { close(view); });
    add(tr("Close the &others"), bar(column)->count() > 1, [this, view] { closeOthers(view); });
    add(tr("&Reopen the last closed view"), hasClosed(), [this] { reopen(); });
    menu.exec(bar(column)->mapToGlobal(at));
}

/// A tab that is dragged away from its bar becomes a window under the mouse.
bool ViewTabs::dragOut(int column, const QPoint& at) {
    QTabBar* tabs = bar(column);
    if (at.y() > -dragOutDistance && at.y() < tabs->height() + dragOutDistance) return false;
    View* view = std::exchange(m_pressed, nullptr);
    if (view == nullptr || columnOf(view) != column || !mayGo(view)) return false;
    // The bar lets go of the tab first.
    QMouseEvent release(QEvent::MouseButtonRelease, at, tabs->mapToGlobal(at), Qt::LeftButton, Qt::NoButton,
                        Qt::NoModifier);
    QApplication::sendEvent(tabs, &release);
    moveToWindow(view);
    m_windows[indexOf(view)]->move(tabs->mapToGlobal(at) - QPoint(60, 12));
    return true;
}

bool ViewTabs::eventFilter(QObject* watched, QEvent* event) {
    for (int c = 0; c < 2; ++c)
        if (event->type() == QEvent::MouseButtonPress && watched == bar(c)) {
            const int tab = bar(c)->tabAt(static_cast<QMouseEvent*>(event)->position().toPoint());
            m_pressed = tab >= 0 ? viewAt(c, tab) : nullptr;
        }
    if (event->type() == QEvent::MouseMove)
        if (const auto* mouse = static_cast<QMouseEvent*>(event); mouse->buttons() & Qt::LeftButton)
            for (int c = 0; c < 2; ++c)
                if (watched == bar(c) && dragOut(c, mouse->position().toPoint())) return true;
    return QWidget::eventFilter(watched, event);
}

QJsonObject ViewTabs::layout() const {
    QJsonArray columns, current, windows, closed;
    for (int c = 0; c < 2; ++c) {
        QJsonArray names;
        for (int tab = 0; tab < bar(c)->count(); ++tab) names << viewAt(c, tab)->id();
        columns << names;
        current << (bar(c)->count() > 0 ? viewAt(c, bar(c)->currentIndex())->id() : QString());
    }
    for (std::size_t i = 0; i < m_views.size(); ++i)
        if (m_windows[i] != nullptr)
            windows << QJsonObject{
                {"view", m_views[i]->id()},
                {"geometry", QString::fromLatin1(m_windows[i]->saveGeometry().toBase64())}};
    for (const View* view : m_closed) closed << view->id();
    QJsonArray sizes;
    for (const int size : m_splitter->sizes()) sizes << size;
    return {{"columns", columns},
            {"current", current},
            {"windows", windows},
            {"closed", closed},
            {"sizes", sizes}};
}

View* ViewTabs::named(const QString& id) const {
    for (View* view : m_views)
        if (view->id() == id) return view;
    return nullptr;
}

/// The views that have no place yet, among those that are named.
std::vector<View*> ViewTabs::homeless(const QStringList& ids) const {
    std::vector<View*> found;
    for (const QString& id : ids)
        if (View* view = named(id); view != nullptr && placeOf(view) == Closed &&
                                    std::find(found.begin(), found.end(), view) == found.end())
            found.push_back(view);
    return found;
}

void ViewTabs::restore(const QJsonObject& layout) {
    const QJsonArray columns = layout["columns"].toArray(), current = layout["current"].toArray();
    const QStringList closed = namesIn(layout["closed"].toArray());
    m_isBusy = true;
    // What is shown goes last: in its place a stack would show the next, and that draws itself.
    std::vector<View*> all = m_views;
    std::stable_partition(all.begin(), all.end(), [](const View* view) { return view->isHidden(); });
    for (View* view : all) take(view);
    for (int c = 0; c < 2; ++c)
        for (View* view : homeless(namesIn(columns.at(c).toArray()))) addTab(c, view, bar(c)->count());
    for (const QJsonValue& value : layout["windows"].toArray())
        for (View* view : homeless({value["view"].toString()}))
            makeWindow(view, QByteArray::fromBase64(value["geometry"].toString().toLatin1()));
    m_closed = homeless(closed);
    for (View* view : m_views)
        if (placeOf(view) == Closed && std::find(m_closed.begin(), m_closed.end(), view) == m_closed.end())
            addTab(0, view);
    if (bar(0)->count() == 0) {  // one stays
        View* first = m_views.front();
        take(first);
        addTab(0, first);
    }
    for (int c = 0; c < 2; ++c) {
        const View* front = named(current.at(c).toString());
        if (const int tab = front != nullptr ? tabOf(c, front) : -1; tab >= 0) bar(c)->setCurrentIndex(tab);
    }
    m_isBusy = false;
    settle();
    QList<int> sizes;
    for (const QJsonValue& size : layout["sizes"].toArray()) sizes << size.toInt();
    if (sizes.size() == 2 && bar(1)->count() > 0) m_splitter->setSizes(sizes);
}

}  // namespace rheo
