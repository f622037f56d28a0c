package kr.careerbee.ssammu;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.util.UUID;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;

import kr.careerbee.ssammu.event.AiFeedbackReq;
import kr.careerbee.ssammu.event.FeedbackContext;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.junit.jupiter.api.DisplayNameGeneration;
import org.junit.jupiter.api.DisplayNameGenerator.ReplaceUnderscores;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;
import org.springframework.boot.builder.SpringApplicationBuilder;
import org.springframework.context.ConfigurableApplicationContext;
import org.springframework.jdbc.core.JdbcTemplate;
import org.springframework.kafka.core.KafkaTemplate;

/** Two instances of the program, for all checks. Topics and a running worker are needed; nothing else. */
@DisplayNameGeneration(ReplaceUnderscores.class)
@ExtendWith(Proven.class)
@Timeout(value = 3, unit = TimeUnit.MINUTES)
abstract class TwoInstances {

    static final String QUESTION = "TCP와 UDP의 차이점은?";
    static final String ANSWER = "TCP는 느리지만 신뢰성이 높고, UDP는 빠릅니다.";
    static final FeedbackContext CONTEXT = new FeedbackContext(ANSWER, "DAILY", false);

    /** Members that no other run has, above what a double can tell apart. */
    static final AtomicLong MEMBERS = new AtomicLong((1L << 53) + System.currentTimeMillis() * 1_000);

    /** They end with the JVM. */
    static final ConfigurableApplicationContext first = start(GatewayApplication.class, Login.class, Outcomes.class);
    static final ConfigurableApplicationContext second = start(GatewayApplication.class, Login.class);
    static final RequestSender requests = first.getBean(RequestSender.class);
    static final Outcomes outcomes = first.getBean(Outcomes.class);
    static final JdbcTemplate jdbc = first.getBean(JdbcTemplate.class);
    @SuppressWarnings("unchecked")
    static final KafkaTemplate<String, Object> kafka = first.getBean(KafkaTemplate.class);

    final long member = MEMBERS.incrementAndGet();
    final UUID id = UUID.randomUUID();

    private static ConfigurableApplicationContext start(Class<?>... sources) {
        return new SpringApplicationBuilder(sources).run(
                "--server.port=0", "--spring.main.banner-mode=off", "--logging.level.root=error",
                // A browser that takes nothing is not given up meanwhile; and who is silent shows a sign of life soon.
                "--server.tomcat.connection-timeout=10m", "--sse.heartbeat=200ms");
    }

    static String topic(String name) {
        return first.getEnvironment().getRequiredProperty("topics." + name);
    }

    ProducerRecord<String, Object> request(String topic, Object value) {
        return new ProducerRecord<>(topic(topic), Long.toString(member), value);
    }

    AiFeedbackReq asking(Long problemId) {
        return new AiFeedbackReq(member, problemId, QUESTION, ANSWER, CONTEXT);
    }

    static byte[] bytes(Object text) {
        return text.toString().getBytes(UTF_8);
    }
}
