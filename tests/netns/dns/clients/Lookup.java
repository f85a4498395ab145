// Lookup NAME: what java.net.InetAddress says.
import java.net.InetAddress;
import java.net.UnknownHostException;

public class Lookup {
  public static void main(String[] arguments) {
    try {
      for (InetAddress address : InetAddress.getAllByName(arguments[0])) {
        System.out.println(address.getHostAddress());
      }
    } catch (UnknownHostException unknown) {
      System.out.println(unknown);  // names the reason that getaddrinfo gave
      System.exit(1);
    }
  }
}
