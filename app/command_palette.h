#pragma once

#include <QDialog>
#include <QList>
#include <QString>
#include <functional>

class QLineEdit;
class QListWidget;

namespace rheo {

class MainWindow;

/// Something that can be done or gone to, by name.
struct PaletteEntry {
    QString text;
    QString kind;  ///< "action", "view", "prompt", "unit", "depth"
    QString keys;  ///< of its shortcut; may be empty
    std::function<void()> act;
};

/// Every action, view, prompt, depth and unit of the window whose name holds all words of `query`, best
/// first: those that begin with it come before those that hold it. At most `most` of them.
QList<PaletteEntry> paletteEntries(MainWindow& window, const QString& query, int most = 60);

/// Finds what there is to do by its name: typed, chosen with the arrow keys, done with Enter.
class CommandPalette : public QDialog {
    Q_OBJECT
public:
    explicit CommandPalette(MainWindow& window);

    QLineEdit* field() const { return m_field; }
    QListWidget* list() const { return m_list; }

protected:
    bool eventFilter(QObject* watched, QEvent* event) override;
    void showEvent(QShowEvent* event) override;

private:
    void search(const QString& query);
    void run();

    MainWindow& m_window;
    QLineEdit* m_field;
    QListWidget* m_list;
    QList<PaletteEntry> m_entries;
};

}  // namespace rheo
