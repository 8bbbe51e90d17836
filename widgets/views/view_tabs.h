#pragma once

#include <QIcon>
#include <QJsonObject>
#include <QWidget>
#include <array>
#include <vector>

class QSplitter;
class QStackedWidget;
class QTabBar;

namespace rheo {

class View;

/// Where the views of the window are: as tabs in one column or in two side by side, in windows of their own,
/// or closed. Tabs are dragged into another order, or out of their bar into a window; a menu on each does the
/// rest. The bar of the first column stands wherever its owner puts it.
class ViewTabs : public QWidget {
    Q_OBJECT
public:
    /// All of them as tabs of the first column, which is never empty.
    explicit ViewTabs(std::vector<View*> views, QWidget* parent = nullptr);
    ~ViewTabs() override;

    const std::vector<View*>& views() const { return m_views; }
    /// The one in front, of the column or window that was used last.
    View* current() const { return m_current; }
    /// Brings it to the front, wherever it is; one that is closed comes back as a tab.
    void show(View* view);
    /// The next (1) or previous (-1) tab of the column that was used last.
    void step(int by);
    bool isOpen(const View* view) const { return placeOf(view) != Closed; }
    bool isInWindow(const View* view) const { return placeOf(view) == Window; }
    /// 0 or 1; -1: in a window, or closed.
    int columnOf(const View* view) const;
    /// Whether there is another tab in the first column, so that this one may go.
    bool mayGo(const View* view) const;

    /// From one column to the other. Nothing where it may not go.
    void moveToOtherColumn(View* view);
    void moveToWindow(View* view);
    void close(View* view);
    void closeOthers(View* view);
    /// The one that was closed last.
    void reopen();
    bool hasClosed() const { return !m_closed.empty(); }
    /// Whether views in windows of their own are seen: not while nothing is open.
    void showWindows(bool on);
    /// Whether of two columns only the one in use is seen.
    void setMaximized(bool on);
    /// Every view as a tab of the first column, in the first order.
    void reset();

    void setLook(const View* view, const QColor& text, const QIcon& mark, const QString& toolTip);
    QTabBar* bar(int column = 0) const { return m_columns[static_cast<std::size_t>(column)].bar; }

    /// What restore() brings back: by the names of views, so that views may be added or go.
    QJsonObject layout() const;
    /// Views that it does not name are tabs of the first column; what it names and is not there is left out.
    void restore(const QJsonObject& layout);

Q_SIGNALS:
    void currentChanged(rheo::View* view);
    /// The menu of its tab asks for it.
    void exportRequested(rheo::View* view);
    void tableRequested(rheo::View* view);
    /// Views moved, came or went.
    void arranged();

protected:
    bool eventFilter(QObject* watched, QEvent* event) override;

private:
    enum Place { First, Second, Window, Closed };
    struct Column {
        QWidget* widget;  ///< of the second: the bar above the stack
        QTabBar* bar;
        QStackedWidget* stack;
    };
    struct Look {
        QColor text;
        QIcon mark;
        QString toolTip;
    };

    Place placeOf(const View* view) const;
    View* named(const QString& id) const;
    std::vector<View*> homeless(const QStringList& ids) const;
    std::size_t indexOf(const View* view) const;
    int tabOf(int column, const View* view) const;
    View* viewAt(int column, int tab) const;
    void addTab(int column, View* view, int at = -1);
    void take(View* view);
    void putBack(View* view);
    void makeWindow(View* view, const QByteArray& geometry);
    void setCurrent(View* view);
    void settle();
    void showColumns();
    void applyLook(const View* view);
    void openMenu(int column, const QPoint& at);
    bool dragOut(int column, const QPoint& at);

    std::vector<View*> m_views;
    std::vector<Place> m_places;
    std::vector<Look> m_looks;
    std::vector<QWidget*> m_windows;  ///< of each view; null: none
    std::vector<View*> m_closed;      ///< the last one last
    std::array<Column, 2> m_columns{};
    QSplitter* m_splitter;
    View* m_current = nullptr;
    View* m_pressed = nullptr;  ///< whose tab the mouse went down on, until it is dragged out
    bool m_isMaximized = false;
    bool m_isBusy = false;  ///< tabs come and go: what is in front is settled at the end
};

}  // namespace rheo
