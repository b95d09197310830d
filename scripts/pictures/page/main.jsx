// The page that is photographed: `window.drawn` is what to draw, put there before the page loads.

import { createRoot } from 'react-dom/client';
import { MemoryRouter } from 'react-router-dom';
import { ThemeContext } from '@grafana/data';
import { GlobalStyles, Icon, PortalContainer } from '@grafana/ui';
import { sceneUtils } from '@grafana/scenes';
import { startGrafana } from './grafana.js';
import { registerPanels } from './panels.jsx';
import { Prometheus } from './prometheus.js';
import { DATA_SOURCE, sceneOf } from './scene.js';

const { dashboard, url, from, to, scrapeSeconds, mode } = window.drawn;

const theme = startGrafana(mode);
registerPanels();
sceneUtils.registerRuntimeDataSource({ dataSource: new Prometheus(DATA_SOURCE, url, scrapeSeconds) });
const scene = sceneOf(dashboard, from, to);

createRoot(document.getElementById('page')).render(
  <MemoryRouter>
    <ThemeContext.Provider value={theme}>
      <GlobalStyles />
      <header style={{ padding: '12px 16px 0', display: 'flex', gap: 8, alignItems: 'center' }}>
        <Icon name="apps" />
        <h1 style={{ fontSize: 18, margin: 0 }}>{dashboard.title}</h1>
      </header>
      <main style={{ padding: 16, minHeight: '100vh', display: 'flex' }}>
        <scene.Component model={scene} />
      </main>
      <PortalContainer />
    </ThemeContext.Provider>
  </MemoryRouter>
);
