// The flows of a user of `@kubernetes/client-node`; run by test_client_node.py.
// Usage: node client_node.mjs FLOW NAMESPACE IMAGE, with KUBECONFIG set, from a folder that has the package.
import assert from 'node:assert/strict';
import net from 'node:net';
import { PassThrough, Readable, Writable } from 'node:stream';
import { pathToFileURL } from 'node:url';
import { createRequire } from 'node:module';

const found = createRequire(`${process.cwd()}/`).resolve('@kubernetes/client-node');
const k8s = await import(pathToFileURL(found));
const [flow, namespace, image] = process.argv.slice(2);
const kc = new k8s.KubeConfig();
kc.loadFromDefault();
const core = kc.makeApiClient(k8s.CoreV1Api);
const patching = (strategy) => k8s.setHeaderOptions('Content-Type', strategy);

/** A stream to write to, and what came. */
function collector() {
  const sink = new Writable({
    write(chunk, _encoding, done) {
      sink.text += chunk;
      sink.emit('more');
      done();
    },
  });
  sink.text = '';
  sink.until = async (part) => {
    while (!sink.text.includes(part)) await new Promise((resume) => sink.once('more', resume));
  };
  return sink;
}

/** Runs a command in the Pod `box`; resolves with its Status and output. */
function run(command, input) {
  const out = collector();
  const err = collector();
  return new Promise((resolve, reject) => {
    new k8s.Exec(kc)
      .exec(namespace, 'box', 'main', command, out, err, input ?? null, false, (status) =>
        resolve({ status, out: out.text, err: err.text }),
      )
      .catch(reject);
  });
}

/** Follows what `path` lists until `enough(events)`. */
async function follow(path, query, enough) {
  const events = [];
  let controller;
  const over = new Promise((resolve) => {
    controller = new k8s.Watch(kc).watch(
      path,
      query,
      (type, object) => {
        events.push([type, object.metadata.name ?? '', object]);
        if (enough(events)) resolve();
      },
      () => resolve(),
    );
  });
  await over;
  (await controller).abort();
  return events;
}

const flows = {
  async streams() {
    const serve =
      "trap 'exit 0' TERM; echo served > /tmp/index.html; echo one; httpd -f -p 8080 -h /tmp & while read x; do echo got $x; done; wait";
    const main = { name: 'main', image, command: ['sh', '-c', serve], stdin: true };
    const spec = { terminationGracePeriodSeconds: 1, containers: [main] };
    await core.createNamespacedPod({ namespace, body: { metadata: { name: 'box' }, spec } });
    await follow(`/api/v1/namespaces/${namespace}/pods`, {}, (events) => {
      return events.some(([, , pod]) => pod.status.conditions?.some((c) => c.type === 'Ready' && c.status === 'True'));
    });
    const done = await run(['sh', '-c', 'echo out; echo err >&2; exit 3']);
    assert.deepEqual([done.out, done.err, done.status.status], ['out\n', 'err\n', 'Failure']);
    assert.equal(done.status.details.causes[0].message, '3');
    assert.equal((await run(['head', '-n', '1'], Readable.from(['typed\n']))).out, 'typed\n');

    const log = collector();
    const logs = await new k8s.Log(kc).log(namespace, 'box', 'main', log, { follow: true });
    await log.until('one\n');
    const typed = new PassThrough();
    const attached = collector();
    const socket = await new k8s.Attach(kc).attach(namespace, 'box', 'main', attached, null, typed, false);
    typed.write('hello\n');
    await attached.until('got hello\n');
    socket.close();
    await log.until('got hello\n');
    logs.abort();

    const forward = new k8s.PortForward(kc);
    const server = net.createServer((client) => forward.portForward(namespace, 'box', [8080], client, null, client));
    await new Promise((ready) => server.listen(0, '127.0.0.1', ready));
    const answer = await fetch(`http://127.0.0.1:${server.address().port}/`);
    assert.equal(await answer.text(), 'served\n');
    server.close();
    await core.deleteNamespacedPod({ name: 'box', namespace, gracePeriodSeconds: 0 });
  },

  async objects() {
    const told = [];
    const list = () => core.listNamespacedConfigMap({ namespace, labelSelector: 'tier' });
    const path = `/api/v1/namespaces/${namespace}/configmaps`;
    const informer = k8s.makeInformer(kc, path, list, 'tier');
    const deleted = new Promise((resolve) => {
      for (const type of ['add', 'update', 'delete']) {
        informer.on(type, (object) => {
          told.push(`${type} ${object.metadata.name}`);
          if (type === 'delete') resolve();
        });
      }
    });
    await informer.start();
    const { metadata } = await list();
    for (const name of ['a', 'b', 'c']) {
      const body = { metadata: { name, labels: { tier: 'one' } }, data: { x: '1' } };
      await core.createNamespacedConfigMap({ namespace, body });
    }
    const first = await core.listNamespacedConfigMap({ namespace, labelSelector: 'tier=one', limit: 2 });
    const rest = await core.listNamespacedConfigMap({
      namespace, labelSelector: 'tier=one', limit: 2, _continue: first.metadata._continue,
    });
    assert.deepEqual([...first.items, ...rest.items].map((item) => item.metadata.name), ['a', 'b', 'c']);

    const one = { name: 'a', namespace };
    const { StrategicMergePatch, MergePatch, JsonPatch, ServerSideApply } = k8s.PatchStrategy;
    const patch = async (strategy, body, more = {}) =>
      (await core.patchNamespacedConfigMap({ ...one, ...more, body }, patching(strategy))).data;
    assert.deepEqual(await patch(StrategicMergePatch, { data: { y: '2' } }), { x: '1', y: '2' });
    assert.deepEqual(await patch(MergePatch, { data: { x: null } }), { y: '2' });
    assert.deepEqual(await patch(JsonPatch, [{ op: 'add', path: '/data/z', value: '3' }]), { y: '2', z: '3' });
    const wanted = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'a' }, data: { w: '4' } };
    assert.equal((await patch(ServerSideApply, wanted, { fieldManager: 'me' })).w, '4');
    wanted.data.w = '5';
    await assert.rejects(patch(ServerSideApply, wanted, { fieldManager: 'other' }), (error) => error.code === 409);
    assert.equal((await patch(ServerSideApply, wanted, { fieldManager: 'other', force: true })).w, '5');

    const resumed = await follow(path, { resourceVersion: metadata.resourceVersion, labelSelector: 'tier' }, (events) => {
      return events.length >= 3;
    });
    assert.deepEqual(resumed.slice(0, 3).map(([type, name]) => `${type} ${name}`), ['ADDED a', 'ADDED b', 'ADDED c']);
    await core.deleteNamespacedConfigMap(one);
    await deleted;
    assert.deepEqual(told.slice(0, 3), ['add a', 'add b', 'add c']);
    assert.equal(told.at(-1), 'delete a');
    assert.deepEqual(informer.list(namespace).map((item) => item.metadata.name).sort(), ['b', 'c']);
    await informer.stop();

    await assert.rejects(core.readNamespacedPod({ name: 'nobody', namespace }), (error) => error.code === 404);
    const bad = { namespace, body: { metadata: { name: 'Not_A_Name' } } };
    await assert.rejects(core.createNamespacedConfigMap(bad), (error) => error.code === 422);
  },

  async generic() {
    const objects = k8s.KubernetesObjectApi.makeApiClient(kc);
    const gadget = {
      apiVersion: 'clients.example.com/v1', kind: 'Gadget', metadata: { name: 'g', namespace }, spec: { color: 'red' },
    };
    const apply = (object) =>
      objects.patch(object, undefined, undefined, 'me', true, k8s.PatchStrategy.ServerSideApply);
    assert.equal((await apply(gadget)).spec.size, 1);
    gadget.spec.color = 'blue';
    assert.equal((await apply(gadget)).spec.color, 'blue');
    const listed = await objects.list('clients.example.com/v1', 'Gadget', namespace);
    assert.deepEqual(listed.items.map((item) => item.metadata.name), ['g']);
    const custom = kc.makeApiClient(k8s.CustomObjectsApi);
    const where = { group: 'clients.example.com', version: 'v1', namespace, plural: 'gadgets', name: 'g' };
    const merge = patching(k8s.PatchStrategy.MergePatch);
    await custom.patchNamespacedCustomObjectStatus({ ...where, body: { status: { told: true } } }, merge);
    await custom.patchNamespacedCustomObjectScale({ ...where, body: { spec: { replicas: 3 } } }, merge);
    const read = await custom.getNamespacedCustomObject(where);
    assert.deepEqual([read.spec.size, read.status.told], [3, true]);
    await objects.delete(gadget);

    const apps = kc.makeApiClient(k8s.AppsV1Api);
    const template = { metadata: { labels: { app: 'idle' } }, spec: { containers: [{ name: 'c', image }] } };
    const spec = { replicas: 0, selector: { matchLabels: { app: 'idle' } }, template };
    await apps.createNamespacedDeployment({ namespace, body: { metadata: { name: 'idle' }, spec } });
    const idle = { name: 'idle', namespace };
    const scale = await apps.readNamespacedDeploymentScale(idle);
    scale.spec.replicas = 1;
    delete scale.metadata.resourceVersion;
    await apps.replaceNamespacedDeploymentScale({ ...idle, body: scale });
    assert.equal((await apps.readNamespacedDeployment(idle)).spec.replicas, 1);
    await apps.deleteNamespacedDeployment({ ...idle, propagationPolicy: 'Foreground' });
  },
};

const patience = setTimeout(() => {
  console.error(`${flow} hangs`);
  process.exit(2);
}, 120_000);
try {
  await flows[flow]();
  clearTimeout(patience);
  process.exit(0);
} catch (error) {
  console.error(error);
  process.exit(1);
}
