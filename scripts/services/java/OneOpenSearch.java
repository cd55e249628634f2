import java.util.concurrent.CountDownLatch;
import org.codelibs.opensearch.runner.OpenSearchRunner;

/** One OpenSearch node on loopback: OneOpenSearch FOLDER PORT. The runner's own command line takes no port above 9299. */
public final class OneOpenSearch {
  private static final int TRANSPORT_PORTS = 100;

  public static void main(String[] arguments) throws Exception {
    String folder = arguments[0];
    int port = Integer.parseInt(arguments[1]);
    OpenSearchRunner runner = new OpenSearchRunner();
    runner.onBuild((number, settings) -> {
      settings.put("http.port", port);
      settings.put("transport.port", (port + 1) + "-" + (port + TRANSPORT_PORTS));
      settings.put("network.host", "127.0.0.1");
      settings.put("discovery.type", "single-node");
      settings.put("cluster.routing.allocation.disk.threshold_enabled", false);
    });
    Runtime.getRuntime().addShutdownHook(new Thread(() -> close(runner)));
    try {
      runner.build("-basePath", folder, "-numOfNode", "1", "-clusterName", "shopfloor", "-useLogger");
    } catch (Throwable failure) {
      failure.printStackTrace();
      System.exit(1);
    }
    new CountDownLatch(1).await();
  }

  private static void close(OpenSearchRunner runner) {
    try {
      runner.close();
    } catch (Exception late) {
      late.printStackTrace();
    }
  }
}
